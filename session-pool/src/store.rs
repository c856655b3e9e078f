//! Identities on disk: a storage state each, in one directory.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};
use silkroute_core::cookies::StorageState;
use silkroute_core::{Error, Proxy, Result};

use crate::Member;

/// Where the pool's own facts stand in a storage state.
const FIELD: &str = "silkroute";
/// A temporary file that is older than this was left by a program that was killed.
const ABANDONED: Duration = Duration::from_secs(3_600);
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
    /// As [`proxy_name`] has it; `None`: none.
    #[serde(default, deserialize_with = "renamed")]
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

/// What tells a proxy from others, passwords apart, and is fit for files and logs: no user stands in it, as users of rotating
/// proxies often hold the token of a session.
pub(crate) fn proxy_name(proxy: &Proxy) -> String {
    name_of(&proxy.label(), proxy.username().as_deref())
}

fn name_of(label: &str, user: Option<&str>) -> String {
    match user {
        Some(user) => {
            let digest = Sha256::digest(user.as_bytes());
            let short = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
            format!("{label}#{}", short.collect::<String>())
        }
        None => label.to_owned(),
    }
}

/// Files once had the user in the open, before an `@`; read, they have the name of today.
fn renamed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.map(|name| today(&name).unwrap_or(name)))
}

fn today(name: &str) -> Option<String> {
    let (scheme, rest) = name.split_once("://")?;
    let (user, place) = rest.rsplit_once('@')?;
    Some(name_of(&format!("{scheme}://{place}"), Some(user)))
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

    /// Makes the directory, for its owner alone, and clears it of what programs that were killed left in it.
    pub(crate) async fn prepare(&self) -> Result<()> {
        self.blocking("making the directory", |directory| {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::DirBuilderExt as _;
                builder.mode(0o700);
            }
            builder.create(directory).map_err(|error| refused(directory, &error))?;
            if let Err(error) = sweep(directory) {
                tracing::warn!(directory = %directory.display(), %error, "temporary files of identities may be left");
            }
            Ok(())
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

    /// Keeps an identity that is of no use now under a name that nothing reads, and says which; `None`: there is nothing of it.
    pub(crate) async fn set_aside(&self, name: &str, generation: u32) -> Result<Option<PathBuf>> {
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
            match fs::rename(&file, &aside) {
                Ok(()) => Ok(Some(aside)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(refused(&file, &error)),
            }
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

/// Removes temporary files of programs that were killed: there are logins in them.
fn sweep(directory: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    for file in fs::read_dir(directory)? {
        let file = file?;
        if !file.file_name().to_string_lossy().starts_with(StorageState::TEMPORARY) {
            continue;
        }
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        // One whose age cannot be told is gone meanwhile.
        if modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > ABANDONED))
            && let Err(error) = fs::remove_file(file.path())
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn named(proxy: &str) -> String {
        proxy_name(&proxy.parse().unwrap())
    }

    #[test]
    fn a_proxy_is_named_without_its_user_and_users_of_one_host_stay_apart() {
        let name = named("http://user-session-4711:hush@h:1");
        assert!(name.starts_with("http://h:1#"), "{name}");
        assert!(!name.contains("4711") && !name.contains("hush"), "{name}");
        assert_eq!(name, named("http://user-session-4711:other@h:1"));
        assert_ne!(name, named("http://user-session-4712:hush@h:1"));
        assert_eq!(named("socks5://h"), "socks5://h:1080");
        // Files outlive versions: SHA-256 of `user`.
        assert_eq!(
            named("http://user@10.0.0.1:3128"),
            "http://10.0.0.1:3128#04f8996da763b7a9"
        );
    }

    #[tokio::test]
    async fn temporary_files_of_a_program_that_was_killed_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        let old = SystemTime::now() - 2 * ABANDONED;
        let temporary = format!("{}abc", StorageState::TEMPORARY);
        for (name, modified) in [
            (temporary.as_str(), old),
            ("one.json", old),
            ("one.generation-1.aside", old),
            (".other", old),
            (".silkroute-state-young", SystemTime::now()),
        ] {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(modified).unwrap();
        }
        store.prepare().await.unwrap();
        let left = fs::read_dir(folder.path()).unwrap();
        let mut left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            [".other", ".silkroute-state-young", "one.generation-1.aside", "one.json"]
        );
    }

    #[tokio::test]
    async fn a_file_with_the_user_in_the_open_is_read_and_written_without() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        let file = store.file("one");
        for (old, today) in [
            ("http://user@h:1", "http://user:hush@h:1"),
            (
                "socks5h://a@b://c@[::1]:1080",
                "socks5h://a%40b%3A%2F%2Fc:hush@[::1]:1080",
            ),
            ("http://h:1", "http://h:1"),
        ] {
            let text = format!(
                r#"{{"silkroute": {{"format": 1, "generation": 2, "seed": "0a", "proxy": "{old}", "requests": 3, "born": 4}}}}"#
            );
            fs::write(&file, text).unwrap();
            let saved = store.read("one").await.unwrap().unwrap();
            let note = saved.note.unwrap();
            assert_eq!(note.proxy, Some(named(today)));
            store.write("one", saved.state, note.clone()).await.unwrap();
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains('@'), "{text}");
            let again = store.read("one").await.unwrap().unwrap().note;
            assert_eq!(again, Some(note));
        }
        for odd in ["a@b://c", "@", "://@"] {
            assert_eq!(
                today(odd).as_deref(),
                odd.starts_with(':').then_some("://#e3b0c44298fc1c14")
            );
        }
    }
}
