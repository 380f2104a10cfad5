//! Where a bucket lies, and whether it forgets: asked before anything else, and refused if it is not the one EU region that
//! was named, or if it keeps what is deleted.

use object_store::{
    HeaderValue,
    aws::AwsAuthorizer,
    client::{HttpRequest, HttpRequestBody, HttpResponse},
};
use serde_json::Value as Json;
use sluis_model::{Cloud, CloudRegion};

use crate::{
    BucketConfig,
    service::{Credentials, Service},
};

/// Nothing, if the bucket lies where it must; else why it must not be used.
pub async fn verify(service: &Service, config: &BucketConfig) -> Result<(), String> {
    let unknown = |why: String| {
        format!("the server at {} does not say in which region it lies ({why}), so it is refused", config.server())
    };
    let answer = ask(service, config).await.map_err(unknown)?;
    let (told, kept) = match config.place().cloud() {
        Cloud::Google => google(answer).await.map_err(unknown)?,
        Cloud::Amazon => (amazon(answer).await.map_err(unknown)?, None),
    };
    match told.parse::<CloudRegion>() {
        Ok(region) if region == config.region() => {}
        Ok(region) => {
            return Err(format!(
                "it lies in {region} ({}, {}), not in {} as the site's configuration says",
                region.place(),
                region.country().name(),
                config.region()
            ));
        }
        Err(_) => {
            return Err(format!(
                "it lies in `{told}`, which is no single region in the European Union; make a bucket in {}",
                config.region()
            ));
        }
    }
    let kept = match config.place().cloud() {
        Cloud::Google => kept,
        Cloud::Amazon => versions(service, config).await.map_err(|why| {
            format!(
                "the server at {} does not say whether it keeps versions ({why}), so it is refused",
                config.server()
            )
        })?,
    };
    match kept {
        None => Ok(()),
        Some(kept) => Err(format!("it keeps what is deleted ({kept}), so that nothing in it could be erased for good")),
    }
}

async fn ask(service: &Service, config: &BucketConfig) -> Result<HttpResponse, String> {
    let (server, bucket) = (config.server(), config.place().bucket());
    let url = match config.place().cloud() {
        Cloud::Google => {
            format!("{server}/storage/v1/b/{bucket}?fields=location,locationType,versioning,softDeletePolicy")
        }
        Cloud::Amazon => format!("{server}/{bucket}?location"),
    };
    let request = signed("GET", &url, service, config).await?;
    service.http.execute(request).await.map_err(|error| told(&error))
}

/// A request that the cloud knows to be ours.
pub async fn signed(method: &str, url: &str, service: &Service, config: &BucketConfig) -> Result<HttpRequest, String> {
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.method_mut() = method.parse().map_err(|error| told(&error))?;
    *request.uri_mut() = url.parse().map_err(|error| told(&error))?;
    match &service.credentials {
        Credentials::None => {}
        Credentials::Google(provider) => {
            let token = provider.get_credential().await.map_err(|error| told(&error))?;
            let value = HeaderValue::from_str(&format!("Bearer {}", token.bearer)).map_err(|error| told(&error))?;
            request.headers_mut().insert("authorization", value);
        }
        Credentials::Amazon(provider) => {
            let keys = provider.get_credential().await.map_err(|error| told(&error))?;
            let authorizer = AwsAuthorizer::new(&keys, "s3", config.region().name());
            authorizer.try_authorize(&mut request, None).map_err(|error| told(&error))?;
        }
    }
    Ok(request)
}

/// What Google says: a region is a bucket's `location` if its `locationType` is `region`; and what keeps deleted objects there.
/// A `softDeletePolicy` or `versioning` that is not told is not in force ("Buckets" of the JSON API).
async fn google(answer: HttpResponse) -> Result<(String, Option<String>), String> {
    let text = good(answer).await?;
    let facts: Json = serde_json::from_str(&text).map_err(|error| told(&error))?;
    let field = |name: &str| facts.get(name).and_then(Json::as_str).map(str::to_owned);
    let location = match (field("location"), field("locationType")) {
        (Some(location), Some(kind)) if kind == "region" => location,
        (Some(location), Some(kind)) => format!("{location}, a {kind}"),
        _ => return Err(format!("it answered `{}`", short(&text))),
    };
    // Only what is plainly switched off is.
    let versions = facts.get("versioning").filter(|versioning| versioning.get("enabled") != Some(&Json::Bool(false)));
    let soft = facts.get("softDeletePolicy").filter(|policy| match policy.get("retentionDurationSeconds") {
        Some(Json::String(seconds)) => seconds != "0",
        Some(seconds) => seconds.as_u64() != Some(0),
        None => true,
    });
    let kept =
        versions.map(|_| "object versioning; switch it off with `gcloud storage buckets update --no-versioning`");
    let soft = soft.map(|_| "soft delete; switch it off with `gcloud storage buckets update --clear-soft-delete`");
    Ok((location, kept.or(soft).map(str::to_owned)))
}

/// What keeps deleted objects in a bucket of S3: versioning (`GetBucketVersioning`), which is told if it ever was switched on.
/// One that was suspended still has the versions of before.
async fn versions(service: &Service, config: &BucketConfig) -> Result<Option<String>, String> {
    let url = format!("{}/{}?versioning", config.server(), config.place().bucket());
    let request = signed("GET", &url, service, config).await?;
    let text = good(service.http.execute(request).await.map_err(|error| told(&error))?).await?;
    let document = roxmltree::Document::parse(&text).map_err(|error| told(&error))?;
    let root = document.root_element();
    // The second is what servers say that are named after the operation.
    if !["VersioningConfiguration", "GetBucketVersioningResponse"].contains(&root.tag_name().name()) {
        return Err(format!("it answered `{}`", short(&text)));
    }
    let state = root.children().find(|node| node.tag_name().name() == "Status").and_then(|node| node.text());
    Ok(state.map(|state| format!("versioning: {state}; make a bucket that never had it")))
}

/// What S3 says: the region in a header, also when the bucket is elsewhere, or as a constraint.
async fn amazon(answer: HttpResponse) -> Result<String, String> {
    if let Some(region) = answer.headers().get("x-amz-bucket-region") {
        return region.to_str().map(str::to_owned).map_err(|error| told(&error));
    }
    let text = good(answer).await?;
    let document = roxmltree::Document::parse(&text).map_err(|error| told(&error))?;
    let root = document.root_element();
    if root.tag_name().name() != "LocationConstraint" {
        return Err(format!("it answered `{}`", short(&text)));
    }
    // No constraint is the oldest region, and `EU` the second oldest.
    Ok(match root.text().unwrap_or_default().trim() {
        "" => "us-east-1".to_owned(),
        "EU" => "eu-west-1".to_owned(),
        region => region.to_owned(),
    })
}

/// The body of an answer that is no error.
pub async fn good(answer: HttpResponse) -> Result<String, String> {
    let status = answer.status();
    let body = answer.into_body().bytes().await.map_err(|error| told(&error))?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(text) } else { Err(format!("it answered {status}: {}", short(&text))) }
}

fn short(text: &str) -> String {
    text.chars().take(500).collect()
}

/// An error and its causes in one line.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
