//! A crawl that an earlier build left goes on whole: a directory of its format, as SQL, stands beside this.
//!
//! `SILKROUTE_FIXTURE=FILE cargo test -p silkroute-spider --all-features --test durable fixture` writes one of this build. A
//! format that becomes another takes a new file; those of formats that are read stay.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use silkroute_core::cookies::{OriginState, StorageState};
use silkroute_core::{Request, RequestExt as _, Response, ResponseParts, Retry, Session, async_trait};
use silkroute_manager::SessionManager;
use silkroute_spider::{
    BlockDetection, CrawlBuilder, Ended, Escalation, ItemLog, Output, Page, Result, Settings, Spider, Visit,
};
use tokio::sync::Notify;

use crate::support::{Empty, SOON};

const LEFT: &str = include_str!("fixture-2.sql");

/// What was asked for, and what was given back, in one run.
#[derive(Debug, Default)]
struct Log {
    first_run: bool,
    requests: Mutex<Vec<(&'static str, String)>>,
    given: Mutex<Vec<(&'static str, StorageState)>>,
    hangs: Notify,
}

/// Answers as the first or the second run has it.
#[derive(Debug)]
struct Canned {
    name: &'static str,
    log: Arc<Log>,
}

#[async_trait]
impl Session for Canned {
    fn kind(&self) -> &'static str {
        "canned"
    }
    fn is_alive(&self) -> bool {
        true
    }
    async fn start(&mut self) -> silkroute_core::Result<()> {
        Ok(())
    }
    async fn close(&mut self) -> silkroute_core::Result<()> {
        Ok(())
    }
    async fn fetch(&self, request: &dyn Request) -> silkroute_core::Result<Box<dyn Response>> {
        let parts = request.parts();
        let mut told = format!("{} {}", parts.method, parts.url);
        for name in ["x-one", "referer"] {
            if let Some(value) = parts.headers.get(name) {
                let _ = write!(told, " {name}={}", value.to_str().unwrap());
            }
        }
        if let Some(page) = parts.meta.get("page") {
            let _ = write!(told, " page={page}");
        }
        self.log.requests.lock().unwrap().push((self.name, told));
        let status = match (self.log.first_run, self.name, parts.url.path()) {
            (true, "upper", "/hangs") => {
                self.log.hangs.notify_one();
                std::future::pending().await
            }
            (true, "third", _) | (true, _, "/product" | "/later" | "/above") => std::future::pending().await,
            (_, "lower", "/climbs" | "/hangs") => StatusCode::UNAUTHORIZED,
            (true, _, "/busy") => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        let mut response = ResponseParts::new(status, parts.url.clone());
        let html = HeaderValue::from_static("text/html");
        response.headers.insert(header::CONTENT_TYPE, html);
        Ok(Box::new(Empty(response)))
    }
    async fn storage_state(&self) -> silkroute_core::Result<StorageState> {
        let mut state = StorageState::default();
        state.origins.push(OriginState::new("http://a.test", Vec::new()));
        Ok(state)
    }
    async fn load_storage_state(&self, state: &StorageState) -> silkroute_core::Result<()> {
        self.log.given.lock().unwrap().push((self.name, state.clone()));
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Step {
    #[default]
    List,
    Product {
        listed_on: u32,
    },
}

struct Shop(Arc<Log>);

impl Spider for Shop {
    type Item = (String, Step);
    type Step = Step;

    fn name(&self) -> &str {
        "fixture"
    }

    fn settings(&self) -> Settings {
        let ladder = Escalation::ladder(["lower", "upper"]);
        let ladder = ladder.detection(BlockDetection::none().statuses([401]));
        Settings::default()
            .concurrency(8)
            .session_concurrency("third", 1)
            .escalation(ladder)
            .blocked_retry(Retry::attempts(3).base(Duration::from_secs(3_000)).jitter(false))
    }

    fn start_urls(&self) -> Vec<String> {
        vec!["http://a.test/".to_owned()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        for name in ["lower", "upper", "third"] {
            let log = Arc::clone(&self.0);
            sessions.add(name, Canned { name, log })?;
        }
        Ok(())
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        out.item((page.url().to_string(), page.step().clone())).await?;
        if page.url().path() == "/" {
            out.count("lists", 1);
            out.visit(page.follow("/busy")?.priority(9)).await?;
            out.visit(page.follow("http://c.test/climbs")?.priority(8)).await?;
            out.visit(page.follow("http://d.test/hangs")?.priority(7)).await?;
            out.visit(page.follow("/plain")?.session("third")).await?;
            out.visit(
                page.follow("/product")?
                    .step(Step::Product { listed_on: 7 })
                    .priority(-1),
            )
            .await?;
            out.visit(page.follow("http://c.test/later")?).await?;
            out.visit(page.follow("/above")?.session("upper")).await?;
            let form = Visit::post("http://a.test/form")?
                .session("third")
                .header("x-one", "1")?
                .meta("page", 300);
            out.visit(form.body("a=1").step(Step::Product { listed_on: 8 })).await?;
            out.visit(Visit::get("http://a.test/again")?.session("third").again().priority(-2))
                .await?;
        }
        Ok(())
    }
}

fn crawl(log: &Arc<Log>, directory: &Path) -> CrawlBuilder<Shop> {
    Shop(Arc::clone(log)).crawl().frontier(directory)
}

/// Runs it until a session does not answer, and is cut off there.
async fn begin(directory: &Path) {
    let log = Arc::new(Log {
        first_run: true,
        ..Log::default()
    });
    let (handle, crawl) = crawl(&log, directory).with_handle().unwrap();
    let crawl = tokio::spawn(crawl);
    tokio::time::timeout(SOON, log.hangs.notified()).await.unwrap();
    handle.stop();
    handle.stop();
    assert_eq!(crawl.await.unwrap().unwrap().ended, Ended::Stopped);
}

/// A database as SQL that can be read: text as it is, where it is any.
fn dump(file: &Path) -> String {
    let database = Connection::open(file).unwrap();
    let number = |pragma: &str| database.query_row(pragma, [], |row| row.get::<_, i32>(0)).unwrap();
    let (application, format) = (number("PRAGMA application_id"), number("PRAGMA user_version"));
    let mut sql = format!("PRAGMA application_id = {application};\nPRAGMA user_version = {format};\n");
    let mut tables = database
        .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
        .unwrap();
    let rows = tables.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    for (name, table) in rows.unwrap().map(Result::unwrap) {
        let _ = writeln!(sql, "{table};");
        let mut all = database.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = all.column_count();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let mut comment = String::new();
            let values = (0..columns).map(|column| value(row.get_ref(column).unwrap(), &mut comment));
            let values: Vec<_> = values.collect();
            let _ = writeln!(sql, "INSERT INTO {name} VALUES ({});{comment}", values.join(", "));
        }
    }
    sql
}

fn value(value: ValueRef<'_>, comment: &mut String) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(text) => quoted(std::str::from_utf8(text).unwrap()),
        ValueRef::Blob(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(char::is_control) => format!("CAST({} AS BLOB)", quoted(text)),
            _ => {
                if bytes.len() != 16 {
                    let shown = bytes
                        .iter()
                        .map(|byte| if (32..127).contains(byte) { *byte as char } else { '.' });
                    *comment = format!(" -- {}", shown.collect::<String>());
                }
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("X'{hex}'")
            }
        },
        other => panic!("{other:?}"),
    }
}

/// Goes on with what a dump says, and finds all of it.
async fn assert_goes_on(sql: &str) {
    let folder = tempfile::tempdir().unwrap();
    let database = Connection::open(folder.path().join("frontier.db")).unwrap();
    database.execute_batch(sql).unwrap();
    drop(database);
    let before: Vec<(String, Step)> = items(folder.path());
    let log = Arc::<Log>::default();
    let crawl = crawl(&log, folder.path()).run().await.unwrap();
    assert_eq!((crawl.ended, crawl.pending), (Ended::Finished, 0));

    // Statistics, and the cookies of sessions.
    let stats = &crawl.stats;
    assert_eq!(
        (stats.pages, stats.items, stats.pages_before),
        (10, 10, before.len() as u64)
    );
    assert_eq!(
        (stats.custom["lists"], stats.blocked),
        (1, 3),
        "the blocks are those of the first run"
    );
    assert_eq!(stats.escalations["lower -> upper: status 401"], 2);
    assert!(stats.started_at.is_some());
    for (session, state) in &*log.given.lock().unwrap() {
        assert_eq!(state.origins[0].origin, "http://a.test", "{session}");
    }
    assert_eq!(log.given.lock().unwrap().len(), 3);

    // Every page once, with its step.
    let items = items(folder.path());
    let steps = |url: &str| {
        let of_url = items.iter().filter(|(other, _)| other == url);
        of_url.map(|(_, step)| step.clone()).collect::<Vec<_>>()
    };
    for url in ["", "busy", "plain", "above", "again"].map(|path| format!("http://a.test/{path}")) {
        assert_eq!(steps(&url), [Step::List], "{url}");
    }
    assert_eq!(steps("http://a.test/product"), [Step::Product { listed_on: 7 }]);
    assert_eq!(steps("http://a.test/form"), [Step::Product { listed_on: 8 }]);

    // What is sent, and through what.
    let sent: BTreeSet<_> = log.requests.lock().unwrap().iter().cloned().collect();
    for (session, request) in [
        ("lower", "GET http://a.test/busy referer=http://a.test/"),
        ("upper", "GET http://d.test/hangs referer=http://a.test/"),
        ("third", "GET http://a.test/plain referer=http://a.test/"),
        ("third", "GET http://a.test/again"),
        ("lower", "GET http://a.test/product referer=http://a.test/"),
        ("upper", "GET http://c.test/later referer=http://a.test/"),
        ("upper", "GET http://a.test/above referer=http://a.test/"),
        ("third", "POST http://a.test/form x-one=1 page=300"),
    ] {
        assert!(
            sent.contains(&(session, request.to_owned())),
            "{session} {request}: {sent:#?}"
        );
    }
    assert!(
        sent.iter().all(|(_, request)| request != "GET http://a.test/"),
        "it was seen"
    );
}

fn items(directory: &Path) -> Vec<(String, Step)> {
    let log = ItemLog::open(directory).unwrap();
    log.items().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_crawl_that_an_earlier_build_left_goes_on_whole() {
    assert_goes_on(LEFT).await;
}

#[tokio::test]
async fn a_crawl_that_this_build_leaves_goes_on_whole() {
    let folder = tempfile::tempdir().unwrap();
    begin(folder.path()).await;
    let left = dump(&folder.path().join("frontier.db"));
    if let Some(file) = std::env::var_os("SILKROUTE_FIXTURE") {
        std::fs::write(file, &left).unwrap();
    }
    assert_goes_on(&left).await;
}
