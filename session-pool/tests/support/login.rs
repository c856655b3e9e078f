//! Identities that log in to the test site, and what it sees of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::Value;
use silkroute_core::{Fetch, RequestExt as _, Result, Session, async_trait};
use silkroute_session_pool::{Member, PoolHooks, PoolOptions, SessionPool, SessionPoolBuilder};
use silkroute_testkit::site::TestSite;

use super::{fetch_ok, get, header, make, who};

/// Logs in, and counts how often.
pub(crate) struct Login {
    site: url::Url,
    pub(crate) count: AtomicUsize,
}

#[async_trait]
impl PoolHooks for Login {
    async fn warm_up(&self, session: &dyn Session, member: &Member) -> Result<()> {
        let count = self.count.fetch_add(1, SeqCst);
        let value = format!("{}-{count}", member.name());
        let url = self.site.join(&format!("/cookies/set?sid={value}&_path=/")).unwrap();
        session.fetch(&Fetch::from(url)).await.map(drop)
    }

    async fn is_valid(&self, session: &dyn Session, _: &Member) -> Result<bool> {
        let cookies: Value = session
            .fetch(&Fetch::from(self.site.join("/cookies").unwrap()))
            .await?
            .json()?;
        Ok(cookies.get("sid").is_some())
    }
}

pub(crate) fn login(site: &TestSite) -> Arc<Login> {
    Arc::new(Login {
        site: site.http_url("/"),
        count: AtomicUsize::new(0),
    })
}

pub(crate) fn builder(size: usize, directory: &Path, hooks: &Arc<Login>) -> SessionPoolBuilder {
    SessionPool::builder()
        .identities(size, make)
        .directory(directory)
        .hooks(Arc::clone(hooks))
}

/// What the site sees of each identity: its cookie and its browser.
pub(crate) async fn faces(pool: &SessionPool, site: &TestSite, size: usize) -> BTreeMap<String, (String, String)> {
    let mut faces = BTreeMap::new();
    for number in 1..=size {
        let name = format!("identity-{number:03}");
        let request = get(site, "/echo").with(PoolOptions::default().identity(&name)).unwrap();
        let response = fetch_ok(pool, &request).await;
        assert_eq!(who(&*response), name);
        let echo: Value = response.json().unwrap();
        let sid = echo["cookies"]["sid"].as_str().unwrap().to_owned();
        faces.insert(name, (sid, header(&echo, "user-agent").unwrap()));
    }
    faces
}
