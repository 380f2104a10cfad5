//! One task from its permit to its sealed outputs.

use std::{fs, sync::Arc, time::SystemTime};

use sluis_access::{Permit, Site};
use sluis_executor::{Ended, Executor, ExecutorError, Launch, MountPoint, Outcome};
use sluis_model::{
    Address, Gpu, INPUTS_ROOT, ImageId, RunId, StagedEntry, Task, TaskId, TaskKey, Usage, Values, WORK_ROOT,
};
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use crate::{
    Collect, Scratch, WorkError, collect,
    left::{self, LeftTask},
    stage::Staging,
    task_folder::TaskFolder,
};

/// Carries out tasks with one executor.
pub struct Worker {
    site: Arc<Site>,
    executor: Arc<dyn Executor>,
    scratch: Arc<Scratch>,
}

/// One task to carry out.
#[derive(Clone)]
pub struct WorkRequest<'a> {
    /// The permit for exactly this task.
    pub permit: &'a Permit,
    /// The run it belongs to.
    pub run: &'a RunId,
    /// Its number in the run.
    pub task_id: TaskId,
    /// The task.
    pub task: &'a Task,
    /// Its key in the task cache.
    pub key: TaskKey,
    /// The content digest of its image.
    pub image: Option<ImageId>,
    /// The GPUs that its command is given; `None` where the machine has none that it could see.
    pub gpus: Option<Vec<Gpu>>,
    /// Called once when the command has ended and needs no processor and no GPU any more.
    pub command_ended: &'a (dyn Fn() + Send + Sync),
    /// What finds its outputs.
    pub collect: &'a dyn Collect,
}

/// A task whose command ended, well or not.
#[derive(Debug)]
pub struct Finished {
    /// How the command ended.
    pub outcome: Outcome,
    /// The output object, every file sealed; `None` unless the command ended well and its outputs are as declared.
    pub outputs: Option<Values>,
    /// What is wrong with the outputs of a command that ended well.
    pub problem: Option<WorkError>,
    /// The objects that were made.
    pub objects: Vec<Address>,
    /// What the command printed, sealed; `None` if it printed nothing.
    pub log: Option<Address>,
    /// When the command was launched.
    pub started: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What it used.
    pub usage: Usage,
}

impl Worker {
    /// A worker that stages from and seals into the site's store.
    pub fn new(site: Arc<Site>, executor: Arc<dyn Executor>, scratch: Arc<Scratch>) -> Self {
        Self { site, executor, scratch }
    }

    /// Stages the task's inputs, runs its command, collects and seals its outputs, and wipes its folder, also when
    /// anything of this fails or the future is dropped. Needs a runtime of several threads: staging and sealing block.
    ///
    /// # Errors
    /// What kept the task from being carried out. A command that failed or was cancelled is no error.
    ///
    /// With [`ExecutorError::Unavailable`] the folder is left to whoever goes on with the run: what runs in it may go on.
    /// If a dead engine whose tasks were taken over ([`Scratch::take_over`]) had begun the task, it is gone on with.
    pub async fn run(&self, request: WorkRequest<'_>, cancel: CancellationToken) -> Result<Finished, WorkError> {
        let WorkRequest { permit, task, .. } = request;
        let note = left::note_of(&request.key, self.executor.name());
        while let Some(left) = self.scratch.take_left(request.run, &note) {
            if let Some(finished) = self.go_on(&request, left, &cancel).await? {
                return Ok(finished);
            }
        }
        let root = self.scratch.task_folder(request.run, request.task_id);
        let (folder, staged) = block_in_place(|| {
            let folder = TaskFolder::make(root, &note, request.gpus.as_deref().unwrap_or_default())?;
            let into = Staging {
                site: &self.site,
                permit,
                scratch: &self.scratch,
                folders: &folder.folders,
                has_canonical_roots: self.executor.has_canonical_roots(),
            };
            let staged = into.put(task, &cancel)?;
            Ok::<_, WorkError>((folder, staged))
        })?;
        let finished = if staged {
            let launch = self.launch(&request, &folder);
            let ended = self.executor.run(&launch, cancel.clone()).await;
            self.conclude(&request, &folder, &launch, ended).await
        } else {
            Ok(canceled())
        };
        if may_go_on(&finished, &cancel) {
            self.scratch.leave(folder);
            return finished;
        }
        let wiped = block_in_place(|| folder.wipe());
        finished.and_then(|finished| wiped.map(|()| finished))
    }

    /// Goes on with a task that a dead engine had begun; `None` if it has to be run anew.
    async fn go_on(
        &self,
        request: &WorkRequest<'_>,
        left: LeftTask,
        cancel: &CancellationToken,
    ) -> Result<Option<Finished>, WorkError> {
        let folder = TaskFolder::left(left.folder);
        let launch = Launch { engine: left.engine, task: left.task, ..self.launch(request, &folder) };
        let ended = match folder.end() {
            Some(ended) => Ok(Some(ended)),
            None => self.executor.adopt(&launch, cancel.clone()).await,
        };
        let finished = match ended.transpose() {
            Some(ended) => self.conclude(request, &folder, &launch, ended).await.map(Some),
            None => self.executor.settle(&launch).await.map(|()| None).map_err(WorkError::from),
        };
        if may_go_on(&finished, cancel) {
            self.scratch.leave(folder);
            return finished;
        }
        let wiped = block_in_place(|| folder.wipe());
        finished.and_then(|finished| wiped.map(|()| finished))
    }

    /// Takes what a command left that ended, while the executor removes what it still has to remove.
    async fn conclude(
        &self,
        request: &WorkRequest<'_>,
        folder: &TaskFolder,
        launch: &Launch,
        ended: Result<Ended, ExecutorError>,
    ) -> Result<Finished, WorkError> {
        if let Err(error @ ExecutorError::Unavailable { .. }) = ended {
            // It may still run, and use its GPUs.
            self.executor.settle(launch).await?;
            return Err(error.into());
        }
        // Before anybody else is given them: no two folders name the same GPU.
        let released = block_in_place(|| folder.give_back_gpus());
        (request.command_ended)();
        let finished = block_in_place(|| self.finish(request, folder, ended?));
        let settled = self.executor.settle(launch).await;
        released?;
        finished.and_then(|finished| settled.map_err(WorkError::from).map(|()| finished))
    }

    fn launch(&self, request: &WorkRequest<'_>, folder: &TaskFolder) -> Launch {
        let task = request.task;
        Launch {
            engine: self.scratch.engine_id().to_owned(),
            run: request.run.clone(),
            task: request.task_id,
            command: task.command.clone(),
            image: request.image.clone(),
            folders: folder.folders.clone(),
            work_directory: task.work_directory.clone(),
            elsewhere: mount_points(task),
            log: folder.log(),
            resources: task.resources,
            gpus: request.gpus.clone(),
            time_limit: task.time_limit,
            network: task.network,
        }
    }

    fn finish(&self, request: &WorkRequest<'_>, folder: &TaskFolder, ended: Ended) -> Result<Finished, WorkError> {
        let is_success = exit_code(ended.outcome).filter(|code| request.task.command.success_codes.contains(code));
        if is_success.is_some() {
            folder.note_end(&ended)?;
        }
        let Ended { outcome, started, ended, usage } = ended;
        let log = self.seal_log(request.permit, folder)?;
        let mut finished =
            Finished { outcome, outputs: None, problem: None, objects: Vec::new(), log, started, ended, usage };
        if let Some(code) = is_success {
            match self.collect(request, folder, code) {
                Ok((outputs, objects)) => (finished.outputs, finished.objects) = (Some(outputs), objects),
                Err(problem) => finished.problem = Some(problem),
            }
        }
        Ok(finished)
    }

    fn collect(
        &self,
        request: &WorkRequest<'_>,
        folder: &TaskFolder,
        code: i32,
    ) -> Result<(Values, Vec<Address>), WorkError> {
        let work = &folder.folders.work;
        let mut values = request.collect.collect(work, code).map_err(WorkError::Collect)?;
        let objects = collect::seal_values(&self.site, request.permit, work, &mut values)?;
        Ok((values, objects))
    }

    fn seal_log(&self, permit: &Permit, folder: &TaskFolder) -> Result<Option<Address>, WorkError> {
        let path = folder.log();
        match fs::metadata(&path) {
            Ok(facts) if facts.len() > 0 => collect::seal_file(&self.site, permit, &path).map(|log| Some(log.address)),
            _ => Ok(None),
        }
    }
}

/// Whether a command may still run that nobody asked to be canceled, or an end of it not be settled, because its executor's
/// service is away.
fn may_go_on<T>(finished: &Result<T, WorkError>, cancel: &CancellationToken) -> bool {
    matches!(finished, Err(WorkError::Executor(ExecutorError::Unavailable { .. }))) && !cancel.is_cancelled()
}

/// The topmost of what is staged outside of the roots.
fn mount_points(task: &Task) -> Vec<MountPoint> {
    let is_below = |path: &str, above: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    let outside =
        |entry: &&StagedEntry| ![WORK_ROOT, INPUTS_ROOT].into_iter().any(|root| is_below(&entry.target, root));
    let mut points: Vec<MountPoint> = Vec::new();
    // Parents come before children.
    for entry in task.staged.iter().filter(outside) {
        if !points.iter().any(|point| is_below(&entry.target, &point.path)) {
            points.push(MountPoint { path: entry.target.clone(), writable: entry.writable });
        }
    }
    points
}

/// The code by which the tool may call this end a success; of a signal the one by which shells tell it, for a container
/// shows no difference.
const fn exit_code(outcome: Outcome) -> Option<i32> {
    match outcome {
        Outcome::Exited(code) => Some(code),
        Outcome::Signaled(signal) => Some(128 + signal),
        Outcome::OutOfMemory | Outcome::TimeLimit | Outcome::Preempted | Outcome::Canceled => None,
    }
}

/// The end of a task that was canceled before its command was launched.
fn canceled() -> Finished {
    let now = SystemTime::now();
    let outcome = Outcome::Canceled;
    Finished {
        outcome,
        outputs: None,
        problem: None,
        objects: Vec::new(),
        log: None,
        started: now,
        ended: now,
        usage: Usage::default(),
    }
}
