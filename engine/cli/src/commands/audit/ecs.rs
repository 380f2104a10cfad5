//! Records as events of the Elastic Common Schema; what it has no field for stands under `sluis`.

use serde_json::{Value as Json, json};
use sluis_access::Verdict;

use super::events::{Event, Kind};

/// The version of the schema.
const VERSION: &str = "8.17.0";
/// The fields that have a place in the schema.
const TOLD: &[&str] = &["at", "decision", "action", "caller", "host", "reasons"];

/// The event of a record.
pub(super) fn event(event: &Event) -> Json {
    let kind = match event.kind() {
        Kind::Create => "creation",
        Kind::Read => "access",
        Kind::Update => "change",
        Kind::Delete => "deletion",
        Kind::Other => "info",
    };
    let decision = event.verdict.map(|verdict| if verdict == Verdict::Allow { "allowed" } else { "denied" });
    let types: Vec<_> = [kind].into_iter().chain(decision).collect();
    let mut json = json!({
        "@timestamp": event.at.to_string(),
        "ecs": { "version": VERSION },
        "event": {
            "kind": "event",
            "category": ["api"],
            "type": types,
            "action": event.action,
            "outcome": if event.verdict == Some(Verdict::Deny) { "failure" } else { "success" },
            "id": event.id(),
            "sequence": event.record,
            "module": "sluis",
            "dataset": "sluis.audit",
            "provider": event.log,
        },
        "service": { "type": "sluis" },
    });
    if let Some(reason) = event.reason() {
        json["event"]["reason"] = reason.into();
    }
    if let Some(caller) = event.text("caller") {
        json["user"] = json!({ "id": caller, "name": caller });
        json["related"]["user"] = json!([caller]);
    }
    if let Some(host) = event.text("host") {
        json["source"] = json!({ "domain": host });
        json["related"]["hosts"] = json!([host]);
    }
    let others = event.others(TOLD);
    if !others.is_empty() {
        json["sluis"] = others.into();
    }
    json
}
