//! Containers of engines that no longer live.

use std::collections::HashMap;

use bollard::query_parameters::ListContainersOptionsBuilder;
use sluis_executor::ExecutorError;

use crate::{
    container::ENGINE_LABEL,
    daemon::{Daemon, failed},
    lifecycle,
};

/// Kills and removes them; how many there were.
pub(crate) async fn remove(
    daemon: &Daemon,
    is_alive: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
) -> Result<usize, ExecutorError> {
    let docker = daemon.docker().await?;
    let filters = HashMap::from([("label", vec![ENGINE_LABEL])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let ours = docker.list_containers(Some(options)).await;
    let ours = ours.map_err(|error| failed("list the containers of dead engines".to_owned(), error))?;
    let mut count = 0;
    for container in ours {
        let engine = container.labels.unwrap_or_default().remove(ENGINE_LABEL).unwrap_or_default();
        if let Some(id) = container.id
            && !is_alive(&engine)
        {
            lifecycle::remove_wholly(daemon, docker, &id).await?;
            count += 1;
        }
    }
    Ok(count)
}
