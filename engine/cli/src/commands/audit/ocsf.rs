//! Records as events of the Open Cybersecurity Schema Framework: class API Activity (6003), profile `security_control`.

use serde_json::{Map, Value as Json, json};
use sluis_access::Verdict;

use super::events::{Event, Kind};

/// The version of the schema.
const VERSION: &str = "1.6.0";
/// The class API Activity of the category Application Activity.
const CLASS: u32 = 6003;
/// The fields that have a place in the class; the others are `unmapped`.
const TOLD: &[&str] =
    &["at", "decision", "action", "caller", "region", "objects", "datasets", "subjects", "project", "run", "reasons"];

/// The event of a record.
pub(super) fn event(event: &Event) -> Json {
    let (activity, name) = match event.kind() {
        Kind::Create => (1, "Create"),
        Kind::Read => (2, "Read"),
        Kind::Update => (3, "Update"),
        Kind::Delete => (4, "Delete"),
        Kind::Other => (99, event.action.as_str()),
    };
    let denied = event.verdict == Some(Verdict::Deny);
    let mut json = json!({
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": CLASS,
        "class_name": "API Activity",
        "activity_id": activity,
        "activity_name": name,
        "type_uid": CLASS * 100 + activity,
        "time": event.at.as_millisecond(),
        "severity_id": if denied { 3 } else { 1 },
        "status_id": if denied { 2 } else { 1 },
        "metadata": {
            "version": VERSION,
            "product": { "name": "sluis", "vendor_name": "sluis" },
            "uid": event.id(),
            "sequence": event.record,
            "log_name": event.log,
            "profiles": ["security_control"],
        },
        "actor": actor(event),
        "api": { "operation": event.action, "service": { "name": "sluis" } },
        "src_endpoint": endpoint(event),
        "resources": resources(event),
    });
    if let Some(verdict) = event.verdict {
        let (action, disposition) = if verdict == Verdict::Allow { (1, 1) } else { (2, 2) };
        json["action_id"] = action.into();
        json["disposition_id"] = disposition.into();
    }
    if let Some(reason) = event.reason() {
        json["status_detail"] = reason.into();
    }
    let others = event.others(TOLD);
    if !others.is_empty() {
        json["unmapped"] = others.into();
    }
    json
}

fn actor(event: &Event) -> Json {
    let mut actor = json!({ "app_name": "sluis" });
    if let Some(caller) = event.text("caller") {
        actor["user"] = json!({ "uid": caller, "name": caller });
    }
    actor
}

fn endpoint(event: &Event) -> Json {
    let mut endpoint = json!({ "svc_name": "sluis", "name": event.log });
    if let Some(country) = event.text("region") {
        endpoint["location"] = json!({ "country": country });
    }
    endpoint
}

fn resources(event: &Event) -> Vec<Map<String, Json>> {
    let single = [("project", event.text("project")), ("run", event.text("run"))];
    let single = single.into_iter().filter_map(|(kind, name)| Some((kind, name?)));
    let lists = [("dataset", "datasets"), ("subject", "subjects"), ("object", "objects")];
    let lists =
        lists.into_iter().flat_map(|(kind, field)| event.texts(field).into_iter().map(move |name| (kind, name)));
    let resource = |(kind, uid): (&str, &str)| {
        Map::from_iter([("type".to_owned(), Json::from(kind)), ("uid".to_owned(), Json::from(uid))])
    };
    single.chain(lists).map(resource).collect()
}
