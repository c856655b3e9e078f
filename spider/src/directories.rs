//! Directories that a loss of power leaves where they are.
//!
//! To sync a file brings what is in it to the disk. Its name stands in its directory, whose name stands in the one above: for
//! the file to be found, those that are new are synced as well (`fsync(2)`).

use std::fs::{DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

/// A directory and those above it whose entries may not be on the disk yet.
#[derive(Debug)]
pub(crate) struct Directories(Vec<PathBuf>);

impl Directories {
    /// Makes a directory, where there is none, and those that it stands in. The builder is recursive.
    pub(crate) fn make(path: &Path, builder: &DirBuilder) -> io::Result<Self> {
        let here = path.as_os_str().is_empty();
        let path = std::path::absolute(if here { Path::new(".") } else { path })?;
        let new = path.ancestors().take_while(|directory| !directory.exists()).count();
        builder.create(&path)?;
        // The first that was there before has the name of one that was not. Of one that was there it is not known whether who
        // made it came so far as to sync the one above.
        let all = path.ancestors().take((new + 1).max(2));
        Ok(Self(all.map(Path::to_owned).collect()))
    }

    /// Comes back when their entries are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        // Elsewhere a directory cannot be opened as a file is.
        if !cfg!(unix) {
            return Ok(());
        }
        for directory in &self.0 {
            match File::open(directory).and_then(|file| file.sync_all()) {
                Ok(()) => {}
                // One that may be written and not read, or that has no disk.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                    ) =>
                {
                    let directory = directory.display();
                    tracing::debug!(%directory, %error, "whether its entries are on the disk is not known");
                }
                Err(error) => {
                    let told = format!("cannot sync the directory {}: {error}", directory.display());
                    return Err(io::Error::new(error.kind(), told));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_were_made_are_synced_and_the_one_that_has_the_first_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        let path = top.join("a/b/c");
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        let made = Directories::make(&path, &builder).unwrap();
        let expected = [path.clone(), top.join("a/b"), top.join("a"), top.to_owned()];
        assert_eq!(made.0, expected);
        made.sync().unwrap();
        let found = Directories::make(&path, &builder).unwrap();
        assert_eq!(found.0, [path.clone(), top.join("a/b")]);
        let here = Directories::make(Path::new(""), &builder).unwrap();
        assert_eq!(here.0[0], std::env::current_dir().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn one_that_is_gone_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        let made = Directories::make(&folder.path().join("a"), &builder).unwrap();
        std::fs::remove_dir(folder.path().join("a")).unwrap();
        let error = made.sync().unwrap_err().to_string();
        assert!(error.contains("cannot sync the directory "), "{error}");
        assert!(error.contains(&*folder.path().join("a").to_string_lossy()), "{error}");
    }
}
