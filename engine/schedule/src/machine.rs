//! A machine, shared by the runs of the engines on it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    allocator::{Allocator, Priority, Room, Sharer, Ticket, TooLarge},
    core::JobId,
};

/// How many younger requests may overtake the oldest one before room is reserved for it.
const PATIENCE: u32 = 64;

/// Tells a run that there is room for one of its jobs.
type Tell = Box<dyn Fn(JobId) + Send>;

/// A machine and who uses what of it. Engines that share it, such as those of several users, share it fairly.
pub struct Machine {
    room: Room,
    state: Mutex<State>,
}

struct State {
    allocator: Allocator,
    runs: HashMap<Sharer, Tell>,
}

impl Machine {
    /// A machine with this much room for tasks.
    pub fn new(room: Room) -> Arc<Self> {
        let state = State { allocator: Allocator::new(room, PATIENCE), runs: HashMap::new() };
        Arc::new(Self { room, state: Mutex::new(state) })
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
    fn grant(&mut self) {
        while let Some(Ticket { sharer, job }) = self.allocator.grant() {
            if let Some(tell) = self.runs.get(&sharer) {
                tell(job);
            }
        }
    }
}

/// A run's place among those that share the machine. When it is dropped, everything that the run holds is free.
pub(crate) struct Seat {
    machine: Arc<Machine>,
    sharer: Sharer,
}

impl Seat {
    /// A job waits for room from now on.
    pub fn ask(&self, job: JobId, needs: Room) -> Result<(), TooLarge> {
        let mut state = self.machine.state();
        state.allocator.ask(self.ticket(job), needs)?;
        state.grant();
        Ok(())
    }

    /// A job needs its cores no more.
    pub fn give_back_cores(&self, job: JobId) {
        let mut state = self.machine.state();
        state.allocator.give_back_cores(self.ticket(job));
        state.grant();
    }

    /// A job needs no room any more, whether it has it or waits for it.
    pub fn give_back(&self, job: JobId) {
        let mut state = self.machine.state();
        state.allocator.give_back(self.ticket(job));
        state.grant();
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
        state.grant();
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("room", &self.room).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use sluis_model::{Mebibytes, MilliCores};

    use super::*;

    const ONE: Room = Room { cores: MilliCores(1000), memory: Mebibytes(10), scratch: Mebibytes(0) };

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
}
