//! A bucket outside the EU, in another region, or whose region is not told, is not used; nor is one that keeps what is
//! deleted.

use sluis_store::StoreError;

use crate::{Place, front::Front, proxy::Fate, servers};

fn refused(place: &Place, said: &[&str]) {
    match place.open() {
        Err(StoreError::Forbidden { reason, .. }) => {
            for word in said {
                assert!(reason.contains(word), "{reason}");
            }
        }
        other => panic!("{other:?}"),
    }
}

fn google(location: &str) -> Place {
    Place::new("gs://a-bucket", "europe-west4", servers::google(location), Some(Front::default()))
}

#[test]
fn buckets_of_google_elsewhere_are_refused() {
    refused(&google("US-CENTRAL1"), &["US-CENTRAL1", "European Union", "europe-west4"]);
    refused(&google("EUROPE-WEST2"), &["EUROPE-WEST2", "European Union"]);
    refused(&google("EUROPE-WEST3"), &["europe-west3", "Frankfurt", "europe-west4"]);
    refused(&google("EUR4"), &["EUR4"]);
}

#[test]
fn buckets_of_amazon_elsewhere_are_refused() {
    let place = |region| Place::new("s3://a-bucket", "eu-central-1", servers::amazon(region), None);
    refused(&place("eu-west-2"), &["eu-west-2", "European Union"]);
    refused(&place("eu-north-1"), &["eu-north-1", "eu-central-1"]);
}

#[test]
fn what_does_not_tell_its_region_is_refused_and_not_asked_for_anything_else() {
    let place = google("EUROPE-WEST4");
    for answer in [
        (200, "{}"),
        (403, "no"),
        (404, "no"),
        (500, "later"),
        (200, "<html>"),
        (200, r#"{"location":"EUROPE-WEST4"}"#),
        (200, r#"{"location":"EUROPE-WEST4","locationType":"dual-region"}"#),
    ] {
        place.proxy.script(move |request| {
            assert!(request.target.starts_with("/storage/v1/b/a-bucket?"), "{}", request.target);
            Fate::Say(answer.0, answer.1)
        });
        refused(&place, &["refuse"].map(|_| ""));
    }
}

#[test]
fn buckets_of_google_that_keep_what_is_deleted_are_refused() {
    let place = google("EUROPE-WEST4");
    for (more, said) in [
        (r#""versioning":{"enabled":true}"#, "versioning"),
        (r#""versioning":{}"#, "versioning"),
        (r#""softDeletePolicy":{"retentionDurationSeconds":"604800"}"#, "soft delete"),
        (r#""softDeletePolicy":{"retentionDurationSeconds":604800}"#, "soft delete"),
        (r#""softDeletePolicy":{}"#, "soft delete"),
    ] {
        let answer: &'static str = format!(r#"{{"location":"EUROPE-WEST4","locationType":"region",{more}}}"#).leak();
        place.proxy.script(move |_| Fate::Say(200, answer));
        refused(&place, &[said, "gcloud storage buckets update"]);
    }
    // What is switched off keeps nothing.
    place.proxy.script(|request| match request.target.starts_with("/storage/v1/b/a-bucket?") {
        true => Fate::Say(
            200,
            r#"{"location":"EUROPE-WEST4","locationType":"region","versioning":{"enabled":false},"softDeletePolicy":{"retentionDurationSeconds":"0"}}"#,
        ),
        false => Fate::Pass,
    });
    drop(place.open().unwrap());
}

#[test]
fn buckets_of_amazon_that_keep_versions_or_do_not_say_so_are_refused() {
    let server = servers::amazon("eu-central-1");
    let address = server.address;
    let place = Place::new("s3://a-bucket", "eu-central-1", server, None);
    drop(place.open().unwrap());
    place.proxy.script(|request| match request.target.contains("versioning") {
        true => Fate::Say(403, "no"),
        false => Fate::Pass,
    });
    refused(&place, &["does not say whether it keeps versions", "refused"]);
    for state in ["Enabled", "Suspended"] {
        servers::set_versioning(address, state);
        place.proxy.script(|_| Fate::Pass);
        refused(&place, &["keeps what is deleted", state]);
    }
}
