//! Aborting the uploads of writers that live no more.

use std::time::Duration;

use jiff::Timestamp;
use object_store::{Error, path::Path};
use sluis_store::StoreError;
use url::form_urlencoded::Serializer;

use crate::{
    blobs::Blobs,
    failure::{Oddity, about_bucket},
    whereabouts::{good, signed},
};

/// An upload that was begun and not finished.
struct Unfinished {
    path: Path,
    id: String,
    begun: Timestamp,
}

/// One page of them, and where the next begins.
struct Page {
    uploads: Vec<Unfinished>,
    next: Option<(String, String)>,
}

/// Aborts every upload of the store that was begun longer ago than an upload takes.
pub async fn sweep(blobs: &Blobs) -> Result<(), StoreError> {
    let told = about_bucket(blobs.place(), "swept");
    let failed = about_bucket(blobs.place(), "swept");
    let mut from = None;
    loop {
        let page = page(blobs, from).await.map_err(|why| told(Oddity::Told(why)))?;
        for upload in page.uploads {
            let age = Duration::try_from(Timestamp::now().duration_since(upload.begun)).unwrap_or_default();
            if age < blobs.options.abandoned_after {
                continue;
            }
            match blobs.service.client.abort_multipart(&upload.path, &upload.id).await {
                // Another process swept it, or it was finished after all.
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
    }
}

/// Both clouds list uploads in the same way, which the client does not know.
async fn page(blobs: &Blobs, from: Option<(String, String)>) -> Result<Page, String> {
    let query = query(&blobs.place().start(), from.as_ref());
    let url = format!("{}/{}?{query}", blobs.config.server(), blobs.place().bucket());
    let request = signed("GET", &url, &blobs.service, &blobs.config).await?;
    let answer = blobs.service.http.execute(request).await.map_err(|error| error.to_string())?;
    parse(&good(answer).await?)
}

fn query(prefix: &str, from: Option<&(String, String)>) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("uploads", "").append_pair("prefix", prefix);
    if let Some((key, id)) = from {
        query.append_pair("key-marker", key).append_pair("upload-id-marker", id);
    }
    query.finish()
}

fn parse(text: &str) -> Result<Page, String> {
    let wrong = |what: &str| format!("the server's list of unfinished uploads cannot be read: {what}");
    let document = roxmltree::Document::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "ListMultipartUploadsResult" {
        return Err(wrong(root.tag_name().name()));
    }
    let field = |node: roxmltree::Node<'_, '_>, name: &str| {
        let child = node.children().find(|child| child.tag_name().name() == name);
        child.and_then(|child| child.text()).map(|text| text.trim().to_owned())
    };
    let mut uploads = Vec::new();
    for node in root.children().filter(|node| node.tag_name().name() == "Upload") {
        let required = |name: &str| field(node, name).ok_or_else(|| wrong(name));
        let begun = required("Initiated")?;
        let begun = begun.parse::<Timestamp>().map_err(|error| wrong(&error.to_string()))?;
        let path = Path::parse(required("Key")?).map_err(|error| wrong(&error.to_string()))?;
        uploads.push(Unfinished { path, id: required("UploadId")?, begun });
    }
    let is_more = field(root, "IsTruncated").is_some_and(|text| text == "true");
    let next = field(root, "NextKeyMarker").zip(field(root, "NextUploadIdMarker")).filter(|_| is_more);
    Ok(Page { uploads, next })
}
