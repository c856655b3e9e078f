//! Cookies and local storage at rest.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Cookie;
use crate::redact::redact_mismatch;
use crate::{Error, Result};

/// Cookies and local storage in the format of Playwright's `storageState`:
/// <https://playwright.dev/docs/api/class-browsercontext#browser-context-storage-state>.
///
/// Fields that are not known here are kept as they are. It holds live logins: `Debug` shows none of their values, and
/// [`write`](Self::write) makes a file that nobody else can read.
///
/// ```
/// use silkroute_core::CookieJar;
/// use silkroute_core::cookies::StorageState;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let state = StorageState::from_json(r#"{"cookies": [{"name": "sid", "value": "1", "domain": "shop.test"}], "origins": []}"#)?;
/// let jar = CookieJar::new();
/// assert_eq!(jar.load(&state)?, 1);
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StorageState {
    /// The cookies.
    #[serde(default)]
    pub cookies: Vec<Cookie>,
    /// What the pages of each origin keep in local storage.
    #[serde(default)]
    pub origins: Vec<OriginState>,
    /// What else it says.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Shows the names of cookies, items and other fields, and none of their values.
impl fmt::Debug for StorageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageState")
            .field("cookies", &self.cookies)
            .field("origins", &self.origins)
            .field("other", &self.other.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// What the pages of one origin keep.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OriginState {
    /// The origin, such as `https://shop.test`.
    pub origin: String,
    /// Its local storage.
    #[serde(default)]
    pub local_storage: Vec<StorageItem>,
    /// What else it says, such as `indexedDB`.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl OriginState {
    /// The local storage of an origin such as `https://shop.test`.
    pub fn new(origin: impl Into<String>, local_storage: Vec<StorageItem>) -> Self {
        Self {
            origin: origin.into(),
            local_storage,
            other: Map::new(),
        }
    }
}

/// Shows the names of the items and not their values.
impl fmt::Debug for OriginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginState")
            .field("origin", &self.origin)
            .field("local_storage", &self.local_storage)
            .finish_non_exhaustive()
    }
}

/// One item of local storage.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageItem {
    /// Its key.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Shows the name and not the value.
impl fmt::Debug for StorageItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageItem")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl StorageState {
    /// What the names of the temporary files of [`write`](Self::write) begin with. A process that is killed while it writes
    /// leaves one behind, with logins in it, in the folder it wrote to.
    pub const TEMPORARY: &'static str = ".silkroute-state-";

    /// Reads it from JSON.
    ///
    /// # Errors
    /// [`Error::Config`] naming the place that is not as Playwright writes it.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let state = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| Error::config(error.path().to_string(), redact_mismatch(error.inner())))?;
        reader.end().map_err(|error| Error::config(".", error))?;
        Ok(state)
    }

    /// Writes it as JSON, credentials included.
    ///
    /// # Errors
    /// None that are known: every state can be written.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|error| Error::invalid("the storage state", error))
    }

    /// Reads it from a file. Blocks while it does.
    ///
    /// # Errors
    /// The file cannot be read, or is no storage state; the error names it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| refused(path, error))?;
        Self::from_json(&text).map_err(|error| refused(path, error))
    }

    /// Writes it to a file, whole or not at all: a reader never sees half of it, and a failure leaves the old one as it
    /// was. Only the owner may read it. Blocks while it does. A process that is killed meanwhile leaves a file
    /// behind whose name begins with [`TEMPORARY`](Self::TEMPORARY).
    ///
    /// # Errors
    /// The file cannot be written; the error names it.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = self.to_json()?;
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // A temporary file in the same folder, which `tempfile` makes with mode 0600, can be renamed in one step.
        let write = || {
            let mut file = tempfile::Builder::new().prefix(Self::TEMPORARY).tempfile_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)
        };
        write().map(drop).map_err(|error| refused(path, error))
    }
}

fn refused(path: &Path, reason: impl ToString) -> Error {
    Error::invalid(format!("the storage state `{}`", path.display()), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAYWRIGHT: &str = r#"{"cookies":[{"name":"sid","value":"hush","domain":".shop.test","path":"/","expires":-1,"httpOnly":true,"secure":true,"sameSite":"None","partitionKey":"https://shop.test"}],"origins":[{"origin":"https://shop.test","localStorage":[{"name":"token","value":"hush"}],"indexedDB":[{"v":[1,null]}]}],"version":3}"#;

    #[test]
    fn unknown_fields_come_back_verbatim() {
        let state = StorageState::from_json(PLAYWRIGHT).unwrap();
        let again: Value = serde_json::from_str(&state.to_json().unwrap()).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(PLAYWRIGHT).unwrap());
    }

    #[test]
    fn debug_shows_no_value() {
        let mut state = StorageState::from_json(PLAYWRIGHT).unwrap();
        state.other.insert("sessionStorage".to_owned(), "hush".into());
        let shown = format!("{state:?}");
        for name in ["sid", "token", "https://shop.test", "sessionStorage"] {
            assert!(shown.contains(name), "{shown}");
        }
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let wrong = StorageState::from_json(r#"{"cookies":[{"name":"a","value":1,"domain":"h"}]}"#).unwrap_err();
        assert!(wrong.to_string().contains("cookies[0]"), "{wrong}");
        assert!(StorageState::from_json("{} x").is_err());
        let folder = tempfile::tempdir().unwrap();
        let missing = StorageState::read(folder.path().join("none.json")).unwrap_err();
        assert!(missing.to_string().contains("none.json"), "{missing}");
    }

    #[test]
    fn a_file_is_written_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let state = StorageState::from_json(PLAYWRIGHT).unwrap();
        StorageState::default().write(&path).unwrap();
        state.write(&path).unwrap();
        assert_eq!(StorageState::read(&path).unwrap(), state);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let nowhere = state.write(folder.path().join("no/such/state.json")).unwrap_err();
        assert!(nowhere.to_string().contains("state.json"), "{nowhere}");
    }
}
