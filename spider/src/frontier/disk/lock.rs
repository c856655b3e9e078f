//! One crawl for a directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::DiskFrontierError;

const FILE: &str = "lock";
/// A crawl of this process that was dropped lets go when its last transaction is on the disk, which may be busy.
const OWN: Duration = Duration::from_secs(10);

/// Held as long as it lives. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    pub(super) fn take(directory: &Path) -> Result<Self, DiskFrontierError> {
        let path = directory.join(FILE);
        let failed = |source| DiskFrontierError::io("lock", &path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        let patience = Instant::now() + OWN;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            let pid = read_pid(&mut file);
            if pid != Some(std::process::id()) || Instant::now() > patience {
                let directory = directory.to_owned();
                return Err(DiskFrontierError::Locked { directory, pid });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(failed)?;
        Ok(Self(file))
    }
}

/// Who holds it, where it says so.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut pid = String::new();
    file.rewind().ok()?;
    file.take(20).read_to_string(&mut pid).ok()?;
    pid.trim().parse().ok()
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file does it as well; a copy of it in a child process would not.
        let _ = self.0.unlock();
    }
}
