//! Where the files are.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct Folders {
    pub ledger: PathBuf,
    pub pictures: PathBuf,
    pub thumbnails: PathBuf,
    /// A maildir: mail is written in `tmp` and moved to `new`.
    pub mail: PathBuf,
}

impl Folders {
    pub fn create(data: &Path) -> Result<Self, String> {
        let folders = Self {
            ledger: data.join("ledger.jsonl"),
            pictures: data.join("pictures"),
            thumbnails: data.join("thumbnails"),
            mail: data.join("maildir"),
        };
        let wanted = [&folders.pictures, &folders.thumbnails]
            .into_iter()
            .cloned()
            .chain(["cur", "new", "tmp"].map(|part| folders.mail.join(part)));
        for folder in wanted {
            std::fs::create_dir_all(&folder).map_err(|error| {
                format!("cannot create {}: {error}\n  hint: choose another directory with --data", folder.display())
            })?;
        }
        Ok(folders)
    }

    /// How many mails have been delivered.
    pub fn mails(&self) -> io::Result<usize> {
        Ok(std::fs::read_dir(self.mail.join("new"))?.count())
    }
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Writes a file so that it is there whole or not at all, also after a crash; one of the same name is replaced.
pub fn write_whole(path: &Path, beside: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::create(beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}
