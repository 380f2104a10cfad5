//! `sluis image`

use std::path::PathBuf;

use clap::Subcommand;

/// `sluis image`
#[derive(Subcommand, Debug)]
pub enum Image {
    /// Load the images of archives, as `docker save` or `skopeo copy … oci-archive:` writes them.
    #[command(after_help = "Example:\n  docker save sluis/genomics:1 > genomics.tar && sluis image load genomics.tar")]
    Load {
        /// The archives, or folders in the layout of the OCI.
        #[arg(required = true, value_name = "ARCHIVE")]
        archives: Vec<PathBuf>,
    },
    /// Fetch an image from its registry, without logging in.
    #[command(after_help = "Example:\n  sluis image pull quay.io/biocontainers/samtools:1.19--h50ea8bc_0")]
    Pull {
        /// The image's name, with a tag or a digest.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// List the images.
    List,
    /// Remove an image's name, and the image with its last one; or an image with all its names.
    Remove {
        /// The name, or the identifier.
        #[arg(value_name = "NAME|ID")]
        name: String,
    },
}
