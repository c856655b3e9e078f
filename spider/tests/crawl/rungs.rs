//! A ladder of sessions, each of which sees a web of its own.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use silkroute_manager::SessionExt as _;
use silkroute_spider::{Climb, Escalation, Settings, Stats};

use crate::support::{Answer, Tester, Web};

/// Pages of a host: `/0` links to the others.
pub fn site(host: &str, pages: usize) -> Vec<String> {
    (0..pages).map(|n| format!("http://{host}/{n}")).collect()
}

pub fn html(body: &str) -> Answer {
    Answer {
        body: body.to_owned(),
        ..Answer::status(200)
    }
    .header("content-type", "text/html")
}

pub fn shell() -> Answer {
    html("<div id=root></div><script src=/app.js></script>")
}

pub fn interstitial() -> Answer {
    html("<title>Just a moment...</title><p>Checking your browser</p>")
}

/// The page: that it is one, a scripted session of this name says.
pub fn content() -> Answer {
    html(&"<p>Words that somebody wrote to be read.</p>".repeat(10))
}

/// What each session sees of each host.
pub struct Ladder {
    pub http: Web,
    pub dynamic: Web,
    pub stealth: Web,
    pub pages: Arc<Mutex<Vec<(String, Option<Climb>)>>>,
}

impl Ladder {
    pub fn new(
        http: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
        dynamic: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self {
            http: Web::new(http),
            dynamic: Web::new(dynamic),
            stealth: Web::new(|_, _| content()),
            pages: Arc::default(),
        }
    }

    /// A spider that begins at these URLs, one at a time, and finds the rest of each host on its first page.
    pub fn spider(&self, starts: &[&str], escalation: Escalation) -> Tester {
        let (http, dynamic, stealth) = (self.http.clone(), self.dynamic.clone(), self.stealth.clone());
        let pages = Arc::clone(&self.pages);
        let mut spider = Tester::new(&self.http, starts)
            .set(|settings: Settings| settings.concurrency(1).escalation(escalation))
            .parsing(move |page, out| {
                let pages = Arc::clone(&pages);
                Box::pin(async move {
                    let noted = page.meta().get("escalation").cloned();
                    let noted: Option<Climb> = noted.map(|noted| serde_json::from_value(noted).unwrap());
                    assert_eq!(noted.as_ref(), page.climb(), "it stands on the response too");
                    pages.lock().unwrap().push((page.url().to_string(), noted));
                    if page.url().path() == "/0" {
                        for n in 1..5 {
                            out.visit(page.follow(&format!("/{n}"))?).await?;
                        }
                    }
                    out.item(page.url().to_string()).await?;
                    Ok(())
                })
            });
        spider.configure = Some(Box::new(move |sessions| {
            sessions.add("http", http.session("http"))?;
            sessions.add("dynamic", dynamic.session("dynamic").lazy())?;
            sessions.add("stealth", stealth.session("stealth").lazy())?;
            Ok(())
        }));
        spider
    }

    pub fn hits(&self) -> [usize; 3] {
        [&self.http, &self.dynamic, &self.stealth].map(|web| web.hits().len())
    }

    pub fn starts(&self) -> [usize; 3] {
        [&self.http, &self.dynamic, &self.stealth].map(|web| web.starts.load(SeqCst))
    }
}

pub fn ladder() -> Escalation {
    Escalation::ladder(["http", "dynamic", "stealth"])
}

pub fn escalations(stats: &Stats) -> Vec<(&str, u64)> {
    stats
        .escalations
        .iter()
        .map(|(way, count)| (way.as_str(), *count))
        .collect()
}
