//! Loading, fetching and removing images, also hostile ones.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod made;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    sync::Arc,
    thread,
};

use made::{Entry, Layer, Made};
use sluis_executor::{
    CancellationToken, Executor, ExecutorError,
    suite::{Bench, Subject},
};
use sluis_executor_sandbox::{
    SandboxExecutor,
    images::{ImageError, Images},
};
use sluis_model::{ImageId, ImageReference};

/// An empty folder of images, and the folder that it is in.
fn images() -> (tempfile::TempDir, Images) {
    let folder = tempfile::tempdir().unwrap();
    let images = Images::new(folder.path().join("images"));
    (folder, images)
}

/// Loads an image of these layers and gives the folder of its files.
fn unpacked(layers: Vec<Layer>) -> Result<(tempfile::TempDir, std::path::PathBuf), ImageError> {
    let (folder, images) = images();
    let archive = folder.path().join("image.tar");
    Made::of(layers).save("test/image:1", &archive);
    let id = images.load(&archive)?.remove(0).id;
    let files = folder.path().join("images/sha256").join(id.as_str().trim_start_matches("sha256:")).join("rootfs");
    Ok((folder, files))
}

#[test]
fn layers_are_put_on_top_of_each_other() {
    let (_folder, files) = unpacked(vec![
        Layer::new()
            .folder("a", 0o700)
            .file("a/gone", 0o644, "x")
            .file("a/kept", 0o600, "kept")
            .folder("b", 0o755)
            .file("b/below", 0o644, "x")
            .file("tool", 0o4711, "tool")
            .add(Entry::Symlink("lib", "usr/lib"))
            .file("usr/lib/one", 0o644, "one"),
        Layer::new()
            .file("a/.wh.gone", 0o644, "")
            .file("b/first", 0o644, "first")
            .file("b/.wh..wh..opq", 0o644, "")
            .file("lib/two", 0o644, "two")
            .add(Entry::Symlink("absolute", "/usr/lib"))
            .file("absolute/three", 0o644, "three")
            .add(Entry::Hard("linked", "a/kept"))
            .add(Entry::Device("null")),
    ])
    .unwrap();
    let text = |path: &str| fs::read_to_string(files.join(path)).unwrap();
    let mode = |path: &str| fs::symlink_metadata(files.join(path)).unwrap().mode() & 0o7777;
    assert_eq!(
        (text("a/kept").as_str(), text("b/first").as_str(), text("usr/lib/two").as_str()),
        ("kept", "first", "two")
    );
    assert_eq!(text("usr/lib/three"), "three");
    for gone in ["a/gone", "b/below", "null"] {
        assert!(fs::symlink_metadata(files.join(gone)).is_err(), "{gone}");
    }
    assert_eq!((mode("a"), mode("a/kept"), mode("tool")), (0o755, 0o644, 0o755));
    assert_eq!(fs::metadata(files.join("linked")).unwrap().ino(), fs::metadata(files.join("a/kept")).unwrap().ino());
    for place in ["sluis/in", "sluis/tmp", "sluis/work", "tmp", "proc", "dev", "data"] {
        assert!(fs::symlink_metadata(files.join(place)).unwrap().is_dir(), "{place}");
    }
    assert!(text("etc/hosts").contains("localhost"));
}

#[test]
fn no_layer_writes_outside_of_its_image() {
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().to_str().unwrap();
    let up = format!("../../../../../../../../../..{out}");
    let hostile = [
        Layer::new().raw_file("../escaped"),
        Layer::new().raw_file("a/../../escaped"),
        Layer::new().add(Entry::Symlink("out", out)).file("out/escaped", 0o644, "x"),
        Layer::new().add(Entry::Symlink("out", &up)).file("out/escaped", 0o644, "x"),
        Layer::new().add(Entry::Symlink("a", "b")).add(Entry::Symlink("b", "a")).file("a/escaped", 0o644, "x"),
        Layer::new().add(Entry::Hard("stolen", "/etc/hostname")),
        Layer::new().add(Entry::Symlink("out", "/etc")).add(Entry::Hard("stolen", "out/hostname")),
        Layer::new().add(Entry::Symlink("etc", out)),
        Layer::new().add(Entry::Symlink("sluis", out)),
        Layer::new().file("a/.wh...", 0o644, ""),
    ];
    for (number, layer) in hostile.into_iter().enumerate() {
        match unpacked(vec![layer]) {
            Err(ImageError::Layer { .. } | ImageError::File { .. }) => {}
            Err(other) => unreachable!("{number}: {other}"),
            Ok((_folder, files)) => assert!(fs::symlink_metadata(files.join("stolen")).is_err(), "{number}"),
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{number}");
    }
}

#[test]
fn damage_is_noticed_and_leaves_nothing() {
    let (folder, images) = images();
    let archive = folder.path().join("image.tar");
    let mut made = Made::of(vec![Layer::new().file("a", 0o644, "content")]);
    made.layers[0].replace("content", "CONTENT");
    made.save("test/image:1", &archive);
    let error = images.load(&archive).unwrap_err();
    assert!(matches!(&error, ImageError::Damaged { what, .. } if what == "layer 1"), "{error}");
    fs::write(&archive, "no archive").unwrap();
    assert!(matches!(images.load(&archive), Err(ImageError::NotAnImage { .. })));
    assert!(images.list().unwrap().is_empty());
    Made::of(vec![Layer::new().file("a", 0o644, "content")]).save("test/image:1", &archive);
    images.load(&archive).unwrap();
    let left = fs::read_dir(folder.path().join("images")).unwrap();
    assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().starts_with("new-")));
}

#[test]
fn archives_and_layouts_give_the_same_image_however_they_are_packed() {
    let made = Made::of(vec![Layer::new().file("a", 0o644, "one"), Layer::new().file("b", 0o755, "two")]);
    let (folder, images) = images();
    let archive = folder.path().join("image.tar");
    made.save("test/image:1", &archive);
    let saved = images.load(&archive).unwrap().remove(0);
    assert_eq!((saved.id.as_str(), saved.names), (made.id().as_str(), vec!["docker.io/test/image:1".to_owned()]));
    for packing in [made::Packing::None, made::Packing::Gzip] {
        let layout = tempfile::tempdir().unwrap();
        made.lay_out("registry.example/image:2", packing, layout.path());
        let loaded = images.load(layout.path()).unwrap().remove(0);
        assert_eq!(loaded.id, saved.id);
        assert_eq!(loaded.names, ["docker.io/test/image:1", "registry.example/image:2"]);
        let blob = layout.path().join("blobs/sha256").join(made.id().trim_start_matches("sha256:"));
        fs::write(&blob, "{}").unwrap();
        assert!(matches!(images.load(layout.path()), Err(ImageError::Damaged { .. })));
    }
}

#[test]
fn several_may_load_an_image_at_once() {
    let (folder, images) = images();
    let archive = folder.path().join("image.tar");
    Made::of(vec![Layer::new().file("a", 0o644, "content")]).save("test/image:1", &archive);
    let load = || images.load(&archive).unwrap().remove(0).id;
    let ids: Vec<_> = thread::scope(|scope| {
        let loading: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
        loading.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(images.list().unwrap().len(), 1);
}

#[test]
fn an_image_goes_with_its_last_name() {
    let (folder, images) = images();
    let archive = folder.path().join("image.tar");
    let made = Made::of(vec![Layer::new().file("a", 0o644, "content")]);
    for name in ["test/image:1", "test/image:2"] {
        made.save(name, &archive);
        images.load(&archive).unwrap();
    }
    assert_eq!(images.list().unwrap()[0].names.len(), 2);
    assert!(!images.remove("test/image:1").unwrap().1);
    assert!(matches!(images.remove("test/image:1"), Err(ImageError::Unknown { .. })));
    assert!(images.remove("test/image:2").unwrap().1);
    assert!(images.list().unwrap().is_empty() && images.find(&made.id()).unwrap().is_none());
    images.load(&archive).unwrap();
    assert!(images.remove(&made.id()).unwrap().1);
}

/// An executor, and an image.
struct At(Arc<SandboxExecutor>, ImageId);

impl Subject for At {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.0) as Arc<dyn Executor>
    }

    fn image(&self) -> Option<ImageId> {
        Some(self.1.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_not_removed_while_it_is_in_use() {
    let (folder, images) = images();
    let archive = folder.path().join("image.tar");
    Made::of(vec![Layer::new().file("tool", 0o755, "#!/nowhere\n")]).save("test/image:1", &archive);
    let id = images.load(&archive).unwrap().remove(0).id;
    let subject = At(Arc::new(SandboxExecutor::new(images.clone())), id);
    for program in ["/tool", "/none"] {
        let ended = Bench::of_arguments(&subject, &[program]).try_run(CancellationToken::new()).await;
        assert!(matches!(&ended, Err(ExecutorError::Program { program: named, .. }) if named == program), "{ended:?}");
    }
    assert!(matches!(images.remove("test/image:1"), Err(ImageError::InUse { .. })));
    assert_eq!(images.list().unwrap().len(), 1);
    drop(subject);
    assert!(images.remove("test/image:1").unwrap().1);
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let (folder, images) = images();
    let archive = folder.path().join("image.tar");
    Made::of(vec![Layer::new()]).save("test/image:1", &archive);
    fs::create_dir(folder.path().join("images")).unwrap();
    fs::set_permissions(folder.path().join("images"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(images.load(&archive), Err(ImageError::Foreign { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_fetched_from_a_registry_by_tag_and_by_digest() {
    let made = Made::of(vec![Layer::new().file("a", 0o644, "content")]);
    let registry = made::Registry::with(&made, "tools/image", "1");
    let (_folder, images) = images();
    let executor = SandboxExecutor::new(images.clone());
    let reference = |name: String| ImageReference { name, id: None };
    let by_tag = reference(format!("{}/tools/image:1", registry.address));
    assert_eq!(executor.image_id(&by_tag).await.unwrap().as_str(), made.id());
    let by_digest = reference(format!("{}/tools/image@{}", registry.address, registry.manifest));
    images.remove(&made.id()).unwrap();
    assert_eq!(executor.image_id(&by_digest).await.unwrap().as_str(), made.id());
    let missing = executor.image_id(&reference(format!("{}/tools/other:1", registry.address))).await.unwrap_err();
    let text = missing.to_string();
    assert!(text.contains("tools/other:1") && text.contains("sluis image load"), "{text}");
    let foreign = ImageReference { id: Some(format!("sha256:{}", "0".repeat(64)).parse().unwrap()), ..by_tag };
    let text = executor.image_id(&foreign).await.unwrap_err().to_string();
    assert!(text.contains(&made.id()), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_lies_is_noticed() {
    let made = Made::of(vec![Layer::new().file("a", 0o644, "content")]);
    let mut other = Made::of(vec![Layer::new().file("a", 0o644, "content")]);
    other.layers[0].replace("content", "CONTENT");
    let registry = made::Registry::lying(&made, &other, "tools/image", "1");
    let (_folder, images) = images();
    let name = format!("{}/tools/image:1", registry.address);
    assert!(images.pull(&name).await.is_err());
    assert!(images.list().unwrap().is_empty());
}
