//! A bucket outside the EU, in another region, or whose region is not told, is not used.

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
