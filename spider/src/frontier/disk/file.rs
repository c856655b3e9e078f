//! The file of the database: made, told from what is none, connected to; and what SQLite says when it cannot.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::{SQLITE_IOERR_FSYNC, SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::DiskFrontierError;

pub(super) const FILE: &str = "frontier.db";
/// Grows when the tables change their meaning.
pub(super) const FORMAT: i32 = 2;
/// "silk": what `file` and SQLite know it by.
pub(super) const APPLICATION: i32 = 0x7369_6c6b;

/// Makes the file of a database, where there is none. One that is there is left to SQLite: to close any handle of it takes
/// all locks away that this process has on it, those of an [`ItemLog`](super::ItemLog) too. Another program that opens and
/// closes the database would then be the last that has it open, and remove the log that the crawl goes on writing.
pub(super) fn make(file: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // It holds cookies.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Connects to a database that is a frontier's, or new.
pub(super) fn connect(directory: &Path, file: &Path, read_only: bool) -> Result<Connection, DiskFrontierError> {
    let mode = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    let connect = || {
        let connection = Connection::open_with_flags(file, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i32>(0));
        let known = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        Ok((connection, known, tables))
    };
    let (connection, (application, format), tables) = match connect() {
        Ok(connected) => connected,
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::NotADatabase => {
            let file = file.to_owned();
            return Err(DiskFrontierError::NotAFrontier { file });
        }
        Err(error) => return Err(refused(directory, "open the database", &error)),
    };
    match (application, format, tables) {
        (APPLICATION, FORMAT, _) => Ok(connection),
        // Made, and never written to: the crawl was killed at once.
        (0, 0, 0) if !read_only => Ok(connection),
        (APPLICATION, found, _) => Err(DiskFrontierError::Format {
            directory: directory.to_owned(),
            found,
            supported: FORMAT,
        }),
        _ => Err(DiskFrontierError::NotAFrontier { file: file.to_owned() }),
    }
}

/// The error that SQLite's is here.
pub(super) fn refused(directory: &Path, attempted: &'static str, error: &rusqlite::Error) -> DiskFrontierError {
    let told = error.sqlite_error();
    if told.is_some_and(|error| error.extended_code == SQLITE_IOERR_FSYNC) {
        return DiskFrontierError::Sync {
            directory: directory.to_owned(),
            reason: error.to_string(),
        };
    }
    let full = told.is_some_and(|error| {
        let write = [SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_SHMSIZE];
        error.code == ErrorCode::DiskFull || write.contains(&error.extended_code)
    });
    DiskFrontierError::Database {
        attempted,
        directory: directory.to_owned(),
        reason: error.to_string(),
        full,
    }
}
