//! Identities on disk: a storage state each, in one directory.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use silkroute_core::cookies::StorageState;
use silkroute_core::{Error, Proxy, Result};

use crate::Member;

/// Where the pool's own facts stand in a storage state.
const FIELD: &str = "silkroute";
/// Of the note. Another one is refused.
const FORMAT: u32 = 1;

/// What the pool writes beside a storage state, so that the same identity comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    format: u32,
    pub(crate) generation: u32,
    /// Hexadecimal: numbers of this size do not survive every JSON reader.
    #[serde(with = "hexadecimal")]
    pub(crate) seed: u64,
    /// The proxy without its password; `None`: none.
    pub(crate) proxy: Option<String>,
    pub(crate) requests: u64,
    /// Seconds since 1970.
    born: u64,
}

impl Note {
    pub(crate) fn of(member: &Member, requests: u64, born: SystemTime) -> Self {
        Self {
            format: FORMAT,
            generation: member.generation(),
            seed: member.seed(),
            proxy: member.bound_to().map(proxy_name),
            requests,
            born: born.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        }
    }

    pub(crate) fn born(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.born)
    }
}

/// What tells a proxy from others: all of it but the password.
pub(crate) fn proxy_name(proxy: &Proxy) -> String {
    match proxy.username() {
        Some(user) => format!("{}://{user}@{}:{}", proxy.scheme(), proxy.host(), proxy.port()),
        None => proxy.label(),
    }
}

/// An identity as it was saved.
pub(crate) struct Saved {
    pub(crate) state: StorageState,
    /// `None` in a file that the pool has not written: somebody's login, put there.
    pub(crate) note: Option<Note>,
}

/// A directory of identities.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: Arc<PathBuf>,
}

impl Store {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            directory: Arc::new(directory),
        }
    }

    /// Makes the directory, for its owner alone.
    pub(crate) async fn prepare(&self) -> Result<()> {
        self.blocking("making the directory", |directory| {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::DirBuilderExt as _;
                builder.mode(0o700);
            }
            builder.create(directory).map_err(|error| refused(directory, &error))
        })
        .await
    }

    /// The identity of this name, if there is one.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Saved>> {
        let file = self.file(name);
        self.blocking("reading an identity", move |_| {
            match file.try_exists() {
                Ok(false) => return Ok(None),
                Ok(true) => {}
                Err(error) => return Err(refused(&file, &error)),
            }
            let mut state = StorageState::read(&file)?;
            let note = state
                .other
                .remove(FIELD)
                .map(serde_json::from_value::<Note>)
                .transpose();
            let note = note.map_err(|error| refused(&file, &format!("its `{FIELD}`: {error}")))?;
            if let Some(other) = note.as_ref().map(|note| note.format).filter(|&format| format != FORMAT) {
                let reason = format!("its format is {other}, and this version of silkroute reads {FORMAT}");
                return Err(refused(&file, &reason));
            }
            Ok(Some(Saved { state, note }))
        })
        .await
    }

    /// Writes an identity, whole or not at all, for its owner alone.
    pub(crate) async fn write(&self, name: &str, mut state: StorageState, note: Note) -> Result<()> {
        let file = self.file(name);
        let note = serde_json::to_value(&note).map_err(|error| refused(&file, &error))?;
        state.other.insert(FIELD.to_owned(), note);
        self.blocking("writing an identity", move |_| state.write(&file)).await
    }

    /// Takes an identity away, if it is there.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        let file = self.file(name);
        self.blocking("removing an identity", move |_| gone(&file, fs::remove_file(&file)))
            .await
    }

    /// Keeps an identity that is of no use now under a name that nothing reads, and says which.
    pub(crate) async fn set_aside(&self, name: &str, generation: u32) -> Result<PathBuf> {
        let (file, name) = (self.file(name), name.to_owned());
        self.blocking("setting an identity aside", move |directory| {
            let mut aside = directory.join(format!("{name}.generation-{generation}.aside"));
            for number in 2_u32.. {
                // Whoever begins anew is of the first generation again, and may be set aside in turn.
                if !aside.try_exists().map_err(|error| refused(&aside, &error))? {
                    break;
                }
                aside = directory.join(format!("{name}.generation-{generation}-{number}.aside"));
            }
            gone(&file, fs::rename(&file, &aside))?;
            Ok(aside)
        })
        .await
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.json"))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let directory = Arc::clone(&self.directory);
        match tokio::task::spawn_blocking(move || work(&directory)).await {
            Ok(result) => result,
            Err(error) => Err(Error::invalid(doing, error)),
        }
    }
}

fn gone(file: &Path, result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(refused(file, &error)),
        _ => Ok(()),
    }
}

fn refused(file: &Path, reason: &dyn ToString) -> Error {
    Error::invalid(format!("the pool's `{}`", file.display()), reason.to_string())
}

mod hexadecimal {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        u64::from_str_radix(&String::deserialize(deserializer)?, 16).map_err(D::Error::custom)
    }
}
