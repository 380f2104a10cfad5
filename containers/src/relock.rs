//! Making the locks anew, for maintainers.

use std::{fs, process::Command};

use sluis_model::ImageId;

use crate::{ContainersError, apt::Apt, archive, definition::Definition, packages::Packages, place, program};

/// Takes the newest versions that the mirror has for the packages in `NAME/packages.list` with all that they need,
/// and writes `NAME/packages.lock` and `NAME/image.lock`; gives the new identifier.
///
/// # Errors
/// The packages cannot be had or the image not be written.
pub fn relock(name: &str) -> Result<ImageId, ContainersError> {
    let definition = Definition::find(name)?;
    let folder = place::folder()?;
    let _lock = place::lock(&folder, name)?;
    let packages = Packages::open(&folder)?;
    let (wanted, assumed) = definition.wanted()?;
    let apt = Apt::open(&folder, &assumed)?;
    let (downloads, lacking) = apt.download(&apt.resolve(&wanted)?)?;
    if !lacking.is_empty() {
        return Err(ContainersError::MirrorLacks { packages: lacking, folder });
    }
    let mut lines = Vec::new();
    for (path, sha256) in packages.keep(&downloads)? {
        let format = "--showformat=${Package} ${Version}";
        let said = program::run("dpkg-deb", Command::new("dpkg-deb").arg("--show").arg(format).arg(&path))?;
        lines.push(format!("{} {sha256}\n", String::from_utf8_lossy(&said)));
    }
    lines.sort();
    let file = definition.folder.join("packages.lock");
    let text =
        format!("# Written by `containers/relock`: name, version, SHA-256 of each Debian package.\n{}", lines.concat());
    fs::write(&file, text).map_err(ContainersError::io("write", &file))?;

    let lock = definition.lock()?;
    let tree = crate::tree_of(&definition, &packages)?;
    let scratch = tempfile::tempdir_in(&folder).map_err(ContainersError::io("make a folder in", &folder))?;
    let image =
        archive::write(&tree, &lock, definition.stand_in()?.as_ref(), &crate::archive_path(scratch.path(), name))?;
    let file = definition.folder.join("image.lock");
    let text = format!(
        "# The image's name, the time of every file in it, and the identifier a build must come to\n\
         # (written by `containers/relock`).\ntag {}\ncreated {}\nimage {image}\n",
        lock.tag, lock.created
    );
    fs::write(&file, text).map_err(ContainersError::io("write", &file))?;
    Ok(image)
}
