//! A machine, shared by the runs of the engines on it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sluis_model::Gpu;
use sluis_worker::{Board, GpuLease, Notice, Scratch, WorkError};
use tokio::net::UnixDatagram;

use crate::{
    allocator::{Allocator, Elsewhere, GpuSet, Needs, Priority, Room, Sharer, Ticket, Told, TooLarge},
    core::JobId,
    gpus::Gpus,
};

/// How many younger requests may overtake the oldest one before room is reserved for it.
const PATIENCE: u32 = 64;
/// How often an engine in which something waits looks at what others hold, whether it hears of it or not.
pub(crate) const NEIGHBOURS_SEEN: Duration = Duration::from_millis(250);
/// For how long after its last look another engine counts as one that will take its turn.
const AWAKE: Duration = Duration::from_secs(1);

/// Tells a run that there is room for one of its jobs.
type Tell = Box<dyn Fn(JobId) + Send>;

/// A machine and who uses what of it. Engines that share it, such as those of several users, share it fairly.
pub struct Machine {
    room: Room,
    gpus: Gpus,
    /// Where engines tell each other which GPUs they have; `None` where there are no GPUs.
    scratch: Option<Arc<Scratch>>,
    /// Where they tell each other what else they hold and wait for; `None` if this engine has the machine for itself.
    board: Option<Board>,
    state: Mutex<State>,
}

struct State {
    allocator: Allocator,
    runs: HashMap<Sharer, Tell>,
    /// The GPUs that jobs here have, by their places.
    leases: HashMap<usize, GpuLease>,
    /// Whether the other engines know that something waits here.
    is_told: bool,
}

impl Machine {
    /// A machine with this much room for tasks, for this engine alone.
    pub fn new(room: Room) -> Arc<Self> {
        Self::of(Room { gpus: 0, ..room }, Gpus::default(), None, None)
    }

    /// A machine with this much room, and GPUs besides, which the engines of this user on it share by way of their scratch
    /// folder.
    ///
    /// # Errors
    /// If nothing can be told to the others there.
    pub fn shared(room: Room, gpus: Gpus, scratch: Arc<Scratch>) -> Result<Arc<Self>, WorkError> {
        let board = Board::open(Arc::clone(&scratch))?;
        let room = Room { gpus: gpus.count(), ..room };
        let machine = Self::of(room, gpus, Some(scratch).filter(|_| room.gpus > 0), Some(board));
        // What others granted before this engine came does not count against them.
        machine.state().look(&machine)?;
        Ok(machine)
    }

    fn of(room: Room, gpus: Gpus, scratch: Option<Arc<Scratch>>, board: Option<Board>) -> Arc<Self> {
        let allocator = Allocator::new(room, PATIENCE);
        let state = State { allocator, runs: HashMap::new(), leases: HashMap::new(), is_told: false };
        Arc::new(Self { room, gpus, scratch, board, state: Mutex::new(state) })
    }

    /// Its GPUs.
    pub const fn gpus(&self) -> &Gpus {
        &self.gpus
    }

    /// What room it has.
    pub const fn room(&self) -> Room {
        self.room
    }

    /// A run of this user shares the machine until its seat is dropped. `tell` is called with each job for which there is
    /// room, while no other run can be: it must not block.
    pub(crate) fn join(
        self: &Arc<Self>,
        user: &str,
        priority: Priority,
        tell: impl Fn(JobId) + Send + 'static,
    ) -> Seat {
        let mut state = self.state();
        let sharer = state.allocator.join(user, priority);
        state.runs.insert(sharer, Box::new(tell));
        Seat { machine: Arc::clone(self), sharer }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Grants whatever there is room for now.
    fn grant(&mut self, machine: &Machine) {
        if let Some(scratch) = machine.scratch.as_deref().filter(|_| self.allocator.waiting_for_gpus() > 0) {
            self.look_elsewhere(&machine.gpus, scratch);
        }
        if self.look(machine).is_err() {
            // Rather too much at a time than nothing any more.
            self.allocator.see_neighbours([]);
            self.grant_all();
        }
        let free: Vec<usize> = self.allocator.free_gpus().places().collect();
        self.leases.retain(|place, _| !free.contains(place));
    }

    /// Grants what there is room for beside what other engines hold, and tells them.
    fn look(&mut self, machine: &Machine) -> Result<(), WorkError> {
        let Some(board) = &machine.board else {
            self.grant_all();
            return Ok(());
        };
        let mut to_ring = Vec::new();
        board.exchange(|notices| {
            let read = |notice: &Notice| serde_json::from_str::<Told>(&notice.text).unwrap_or_default();
            let told: Vec<_> = notices.iter().map(|notice| (read(notice), notice)).collect();
            self.allocator.see_neighbours(told.iter().map(|(told, notice)| (told, notice.age < AWAKE)));
            self.grant_all();
            let can_go_on = told.iter().filter(|(told, _)| self.allocator.has_room_for(told));
            to_ring.extend(can_go_on.map(|(_, notice)| notice.engine.clone()));
            self.is_told = self.allocator.waiting() > 0;
            serde_json::to_string(&self.allocator.told()).unwrap_or_default()
        })?;
        to_ring.iter().for_each(|engine| board.ring(engine));
        Ok(())
    }

    fn grant_all(&mut self) {
        while let Some(Ticket { sharer, job }) = self.allocator.grant() {
            if let Some(tell) = self.runs.get(&sharer) {
                tell(job);
            }
        }
    }

    /// Takes every GPU that nobody here has, as far as other engines let it, and sees which they have. Those that are not
    /// granted are given back at once.
    fn look_elsewhere(&mut self, gpus: &Gpus, scratch: &Scratch) {
        let free = self.allocator.free_gpus();
        for (place, gpu) in free.places().zip(gpus.at(free)) {
            if self.leases.contains_key(&place) {
                continue;
            }
            // One of which it cannot be found out is not there.
            if let Ok(Some(lease)) = scratch.lease_gpu(&gpu) {
                self.leases.insert(place, lease);
            }
        }
        let leased: GpuSet = self.leases.keys().copied().collect();
        let left = scratch.gpus_of_others().map(|uuids| gpus.named(&uuids)).unwrap_or(GpuSet::ALL);
        self.allocator.see_elsewhere(Elsewhere { used: free - leased, left });
    }
}

/// A run's place among those that share the machine. When it is dropped, everything that the run holds is free.
pub(crate) struct Seat {
    machine: Arc<Machine>,
    sharer: Sharer,
}

impl Seat {
    /// A job waits for room from now on.
    pub fn ask(&self, job: JobId, needs: impl Into<Needs>) -> Result<(), TooLarge> {
        let mut state = self.machine.state();
        state.allocator.ask(self.ticket(job), needs)?;
        // Of many that wait the others need not hear one by one.
        if !state.is_told || state.allocator.may_have_room() {
            state.grant(&self.machine);
        }
        Ok(())
    }

    /// The GPUs that a job was granted; `None` on a machine without any.
    pub fn gpus(&self, job: JobId) -> Option<Vec<Gpu>> {
        let gpus = &self.machine.gpus;
        (gpus.count() > 0).then(|| gpus.at(self.machine.state().allocator.gpus_of(self.ticket(job))))
    }

    /// Whether a job was granted what it asked for.
    pub fn is_granted(&self, job: JobId) -> bool {
        self.machine.state().allocator.holds(self.ticket(job))
    }

    /// Whether something waits for GPUs, which other engines may give back without anybody hearing of it.
    pub fn waits_for_gpus(&self) -> bool {
        self.machine.scratch.is_some() && self.machine.state().allocator.waiting_for_gpus() > 0
    }

    /// Whether something waits for what other engines may give back.
    pub fn waits_for_others(&self) -> bool {
        self.machine.board.is_some() && self.machine.state().allocator.waiting() > 0
    }

    /// What the rings of other engines come to, when they gave something back or leave their turn to this one; `None` if it
    /// cannot be heard.
    pub fn bell(&self) -> Option<UnixDatagram> {
        let bell = self.machine.board.as_ref()?.bell().ok()?;
        UnixDatagram::from_std(bell).ok()
    }

    /// Grants what there is room for since other engines gave something back.
    pub fn look_again(&self) {
        self.machine.state().grant(&self.machine);
    }

    /// A job needs its cores and GPUs no more.
    pub fn give_back_cores(&self, job: JobId) {
        let mut state = self.machine.state();
        state.allocator.give_back_cores(self.ticket(job));
        state.grant(&self.machine);
    }

    /// A job needs no room any more, whether it has it or waits for it.
    pub fn give_back(&self, job: JobId) {
        let mut state = self.machine.state();
        state.allocator.give_back(self.ticket(job));
        state.grant(&self.machine);
    }

    fn ticket(&self, job: JobId) -> Ticket {
        Ticket { sharer: self.sharer, job }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.machine.state();
        state.runs.remove(&self.sharer);
        state.allocator.leave(self.sharer);
        state.grant(&self.machine);
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("room", &self.room).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::Path,
        sync::mpsc::{self, Receiver},
    };

    use sluis_model::{Mebibytes, MilliCores};
    use sluis_worker::SwapRule;

    use super::*;
    use crate::{
        allocator::Wanted,
        gpus::tests::{kind, machine as machine_with, uuid},
    };

    const ONE: Room = Room { cores: MilliCores(1000), memory: Mebibytes(10), scratch: Mebibytes(0), gpus: 0 };

    fn machine() -> Arc<Machine> {
        Machine::new(Room { cores: MilliCores(4000), ..ONE })
    }

    fn join(machine: &Arc<Machine>, user: &str) -> (Seat, Receiver<JobId>) {
        let (tell, told) = mpsc::channel();
        let seat = machine.join(user, Priority::default(), move |job| {
            let _ = tell.send(job);
        });
        (seat, told)
    }

    #[test]
    fn each_run_hears_of_its_own_jobs_and_all_have_their_turn() {
        let machine = Machine::new(Room { cores: MilliCores(1000), ..ONE });
        let runs = [join(&machine, "a"), join(&machine, "b")];
        for (seat, _) in &runs {
            (0..50).for_each(|job| seat.ask(JobId(job), ONE).unwrap());
        }
        for turn in 0..100 {
            let (seat, told) = &runs[turn % 2];
            let job = told.try_recv().unwrap();
            assert_eq!(job, JobId(turn as u32 / 2), "the oldest first, in turn");
            assert!(runs.iter().all(|(_, told)| told.try_recv().is_err()), "there is room for one");
            seat.give_back(job);
        }
    }

    #[test]
    fn what_a_run_holds_is_free_when_it_is_over_however_it_ended() {
        let machine = machine();
        let (first, _first_told) = join(&machine, "a");
        let (second, second_told) = join(&machine, "b");
        first.ask(JobId(0), ONE).unwrap();
        first.ask(JobId(1), ONE).unwrap();
        second.ask(JobId(7), ONE).unwrap();
        assert!(second_told.try_recv().is_err(), "the memory is taken");
        drop(first);
        assert_eq!(second_told.try_recv(), Ok(JobId(7)));
        drop(second);
        assert_eq!(machine.state().allocator.free(), machine.room());
    }

    #[test]
    fn cores_that_are_given_back_run_others() {
        let half = Room { memory: Mebibytes(5), cores: MilliCores(4000), ..ONE };
        let (seat, told) = join(&machine(), "a");
        seat.ask(JobId(0), half).unwrap();
        seat.ask(JobId(1), half).unwrap();
        assert_eq!((told.try_recv(), told.try_recv().is_err()), (Ok(JobId(0)), true));
        seat.give_back_cores(JobId(0));
        assert_eq!(told.try_recv(), Ok(JobId(1)));
        assert!(seat.ask(JobId(2), Room { cores: MilliCores(4001), ..ONE }).is_err());
    }

    fn with_gpus(root: &Path, scratch: &Arc<Scratch>) -> Arc<Machine> {
        let room = Room { cores: MilliCores(8000), memory: Mebibytes(100), ..ONE };
        Machine::shared(room, Gpus::find(root), Arc::clone(scratch)).unwrap()
    }

    fn rung(machine: &Machine) -> bool {
        let bell = machine.board.as_ref().unwrap().bell().unwrap();
        let is_rung = bell.recv(&mut [0]).is_ok();
        while bell.recv(&mut [0]).is_ok() {}
        is_rung
    }

    #[test]
    fn engines_of_one_user_share_the_room_of_a_machine() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let room = Room { cores: MilliCores(2000), memory: Mebibytes(100), ..ONE };
        let machines = [(); 3].map(|()| Machine::shared(room, Gpus::default(), scratch(memory.path())).unwrap());
        let seats = [0, 1, 2].map(|at| join(&machines[at], ["a", "b", "b"][at]));
        let ask = |at: usize, job| seats[at].0.ask(JobId(job), ONE).unwrap();
        let told = |at: usize| seats[at].1.try_recv().ok().map(|JobId(job)| job);
        ask(0, 0);
        ask(0, 1);
        ask(1, 0);
        ask(2, 0);
        assert_eq!((told(0), told(0), told(1), told(2)), (Some(0), Some(1), None, None), "both cores are taken");
        assert!(seats[1].0.waits_for_others() && !seats[0].0.waits_for_others());
        seats[0].0.give_back_cores(JobId(0));
        assert!(rung(&machines[1]) && rung(&machines[2]));
        seats[2].0.look_again();
        assert_eq!((told(1), told(2)), (None, Some(0)), "both stand alike");
        seats[1].0.look_again();
        ask(0, 2);
        assert_eq!((told(1), told(0)), (None, None), "nothing is free");
        // Of one user's runs the one that was served last leaves its turn to the other.
        seats[2].0.give_back(JobId(0));
        ask(2, 1);
        assert_eq!((told(2), rung(&machines[1])), (None, true));
        seats[1].0.look_again();
        assert_eq!((told(1), told(2), told(0)), (Some(0), None, None));
        let [_, _, third] = machines;
        let [first, one, other] = seats;
        drop(first);
        assert!(rung(&third));
        other.0.look_again();
        assert_eq!(other.1.try_recv(), Ok(JobId(1)));
        drop((one, other));
        assert_eq!(third.state().allocator.free(), room);
    }

    fn scratch(folder: &Path) -> Arc<Scratch> {
        Arc::new(Scratch::open(Some(folder.join("scratch")), SwapRule::Allow).unwrap())
    }

    fn gpus(count: u32, of: Wanted) -> Needs {
        Needs { room: Room { gpus: count, ..ONE }, gpus: of }
    }

    #[test]
    fn two_jobs_never_have_the_same_gpu() {
        let root = machine_with("12.2", &["7.5", "8.0", "8.0"]);
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let machine = with_gpus(root.path(), &scratch(memory.path()));
        let (seat, told) = join(&machine, "a");
        let recent = machine.gpus().of_kind(&kind("11.4", "8.0"));
        seat.ask(JobId(0), gpus(1, Wanted::Of(recent))).unwrap();
        seat.ask(JobId(1), gpus(2, Wanted::default())).unwrap();
        seat.ask(JobId(2), gpus(1, Wanted::Of(recent))).unwrap();
        assert_eq!((told.try_recv(), told.try_recv(), told.try_recv().is_err()), (Ok(JobId(0)), Ok(JobId(1)), true));
        let names = |job| seat.gpus(JobId(job)).unwrap().into_iter().map(|gpu| gpu.uuid).collect::<Vec<_>>();
        assert_eq!((names(0), names(1)), (vec![uuid(1)], vec![uuid(0), uuid(2)]));
        // Its outputs are sealed meanwhile.
        seat.give_back_cores(JobId(1));
        assert_eq!((told.try_recv(), names(2), names(1)), (Ok(JobId(2)), vec![uuid(2)], Vec::new()));
        let refused = seat.ask(JobId(3), gpus(3, Wanted::Of(recent)));
        assert!(refused.is_err(), "two of them are recent");
        assert_eq!(join(&Machine::new(ONE), "a").0.gpus(JobId(0)), None);
    }

    #[test]
    fn engines_of_one_user_share_the_gpus_of_a_machine() {
        let root = machine_with("12.2", &["8.0", "8.0"]);
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let machines = [(); 2].map(|()| with_gpus(root.path(), &scratch(memory.path())));
        let (one, told_one) = join(&machines[0], "a");
        let (other, told_other) = join(&machines[1], "a");
        one.ask(JobId(0), gpus(1, Wanted::default())).unwrap();
        other.ask(JobId(0), gpus(1, Wanted::default())).unwrap();
        other.ask(JobId(1), gpus(1, Wanted::default())).unwrap();
        assert_eq!((told_one.try_recv(), told_other.try_recv()), (Ok(JobId(0)), Ok(JobId(0))));
        assert_ne!(one.gpus(JobId(0)), other.gpus(JobId(0)));
        other.look_again();
        assert!(told_other.try_recv().is_err() && other.waits_for_gpus(), "both are taken");
        drop(one);
        other.look_again();
        assert_eq!((told_other.try_recv(), other.waits_for_gpus()), (Ok(JobId(1)), false));
    }

    #[test]
    fn what_a_killed_engine_left_running_keeps_its_gpus() {
        let root = machine_with("12.2", &["8.0", "8.0"]);
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let scratch = scratch(memory.path());
        // As the engine with this folder left it.
        let dead = format!("{}-dead", scratch.engine_id().rsplit_once('-').unwrap().0);
        let folder = scratch.root().join(dead).join("20261123-101500-3fa2b1-4");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("gpus"), format!("{}\n", uuid(0))).unwrap();
        let machine = with_gpus(root.path(), &scratch);
        let (seat, told) = join(&machine, "a");
        seat.ask(JobId(0), gpus(1, Wanted::default())).unwrap();
        seat.ask(JobId(1), gpus(1, Wanted::default())).unwrap();
        assert_eq!((told.try_recv(), told.try_recv().is_err()), (Ok(JobId(0)), true));
        assert_eq!(seat.gpus(JobId(0)).unwrap()[0].uuid, uuid(1));
        // Whoever goes on with it has what it has.
        seat.ask(JobId(2), gpus(1, Wanted::Left(machine.gpus().named(&[uuid(0)])))).unwrap();
        assert_eq!(told.try_recv(), Ok(JobId(2)));
        assert_eq!(seat.gpus(JobId(2)).unwrap()[0].uuid, uuid(0));
        seat.give_back(JobId(2));
        assert!(told.try_recv().is_err(), "its folder is still there");
        fs::remove_dir_all(&folder).unwrap();
        seat.look_again();
        assert_eq!(told.try_recv(), Ok(JobId(1)));
    }
}
