//! The files of a database: what may stand at its path, who may read it, and what errors of the file system mean.

use std::fs::{self, File, OpenOptions as FileOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StoreError;

/// Only the owner reads and writes. SQLite gives the write-ahead log and its index the mode of the database.
pub(crate) const PRIVATE: u32 = 0o600;
/// What everybody on the machine may not have. The group is the owner's own choice.
const OTHERS: u32 = 0o007;

/// What stands at the path of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// A regular file that may be opened.
    File,
    /// Nothing.
    Nothing,
}

/// Looks at the path of a database, without opening it.
pub(crate) fn inspect(path: &Path) -> Result<Found, StoreError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(file_error("look at", path, error)),
    };
    if metadata.is_symlink() {
        let target =
            fs::read_link(path).map_err(|error| file_error("read the link", path, error))?;
        return Err(StoreError::Symlink {
            path: path.to_path_buf(),
            target,
        });
    }
    if !metadata.is_file() {
        return Err(StoreError::NotAFile(path.to_path_buf()));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(StoreError::Exposed {
            path: path.to_path_buf(),
            mode,
        });
    }
    Ok(Found::File)
}

/// Makes sure that the folder of a database is there.
pub(crate) fn folder_exists(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(StoreError::NoFolder(folder.to_path_buf())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(StoreError::NoFolder(folder.to_path_buf()))
        }
        Err(error) => Err(file_error("look at", folder, error)),
    }
}

/// Creates an empty file that only the owner may read, whatever the umask says.
pub(crate) fn create_private(path: &Path) -> Result<(), StoreError> {
    let file = FileOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)
        .map_err(|error| file_error("create", path, error))?;
    // The umask can only have taken rights away, the owner's own among them.
    file.set_permissions(Permissions::from_mode(PRIVATE))
        .map_err(|error| file_error("set the mode of", path, error))
}

/// Makes the names in a folder durable: a file that was created or renamed is there after a power cut.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| file_error("write the folder", folder, error))
}

/// The path of a file that belongs to the database and stands next to it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A path as SQLite takes it in a URI, with the parameters given.
pub(crate) fn uri(path: &Path, parameters: &str) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(*byte));
            }
            _ => {
                let digit =
                    |half| char::from_digit(u32::from(half), 16).expect("half a byte is one digit");
                uri.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    uri.push('?');
    uri.push_str(parameters);
    uri
}

/// What an error of the file system means for the user.
pub(crate) fn file_error(doing: &'static str, path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly(path.to_path_buf())
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::File {
            doing,
            path: path.to_path_buf(),
            source: Arc::new(error),
        },
    }
}
