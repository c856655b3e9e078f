//! What the tests with a browser share: whether there is one, and a site that says whatever a test wants.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use silkroute_browser::cdp::RawCommand;
use silkroute_browser::{
    Browser, Context, Deadline, Document, Headless, LaunchOptions, Navigation, PoolOptions, Result, Tab, TabOptions,
    TabPool,
};
use silkroute_testkit::display::Display;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use url::Url;

/// For everything that should come at once; long, as the machine may be busy.
pub fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// A browser, unless there is none and that is allowed.
pub async fn browser() -> Option<Browser> {
    browser_with(LaunchOptions::default()).await
}

pub async fn browser_with(options: LaunchOptions) -> Option<Browser> {
    if let Err(error) = silkroute_browser::launch::find(&options) {
        assert!(
            std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
            "{error}"
        );
        eprintln!("BROWSER TESTS DID NOT RUN: {error}");
        return None;
    }
    Some(Browser::launch(&options).await.expect("the browser starts"))
}

/// A display that nobody else has; `None` where there is no Xvfb.
pub async fn display() -> Option<Display> {
    match Display::start((1280, 800)).await {
        Ok(display) => Some(display),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(
                std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
                "there is no Xvfb to show a window on; install xvfb"
            );
            eprintln!("A BROWSER TEST DID NOT RUN: there is no Xvfb");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A browser with a window on this display.
pub fn in_a_window(display: &Display) -> LaunchOptions {
    LaunchOptions {
        headless: Headless::Off,
        extra_flags: vec!["--ozone-platform=x11".into(), format!("--display={}", display.name())],
        ..LaunchOptions::default()
    }
}

pub async fn tab(browser: &Browser) -> Tab {
    browser
        .default_context()
        .open(TabOptions::default(), soon())
        .await
        .expect("a tab opens")
}

/// All that a browser lists, by kind and id.
pub async fn targets(browser: &Browser) -> Vec<(String, String)> {
    let command = RawCommand::new("Target.getTargets", serde_json::json!({})).unwrap();
    let listed: serde_json::Value = browser.session().send_as(command, soon()).await.unwrap();
    let of = |target: &serde_json::Value, key: &str| target[key].as_str().unwrap().to_owned();
    let listed = listed["targetInfos"].as_array().unwrap().iter();
    listed
        .map(|target| (of(target, "type"), of(target, "targetId")))
        .collect()
}

/// The ids of a browser's pages.
pub async fn pages(browser: &Browser) -> HashSet<String> {
    let targets = targets(browser).await.into_iter();
    targets.filter(|(kind, _)| kind == "page").map(|(_, id)| id).collect()
}

pub async fn open(context: &Context, options: TabOptions) -> Tab {
    context.open(options, soon()).await.expect("a tab opens")
}

/// Has a tab navigate to a page of the site.
pub async fn go(tab: &Tab, site: &Site, path: &str) -> Result<Document> {
    tab.navigate(&Navigation::to(site.url(path)), soon()).await
}

/// The defaults of a pool, but with time to clear a tab, or to open the next: the machine may be busy.
pub fn patient() -> PoolOptions {
    PoolOptions {
        clear_timeout: soon().remaining(),
        ..PoolOptions::default()
    }
}

/// A pool of so many tabs, which is [`patient`] and by default in all else.
pub fn pool_of(max_pages: usize) -> TabPool {
    TabPool::new(PoolOptions { max_pages, ..patient() }).unwrap()
}

/// What a page gets.
#[derive(Clone)]
pub struct Answer(pub Vec<u8>);

impl Answer {
    pub fn html(body: &str) -> Self {
        Self::of(200, &[("content-type", "text/html; charset=utf-8")], body)
    }

    pub fn of(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut text = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n",
            body.len()
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(body);
        Self(text.into_bytes())
    }

    /// Nothing, ever.
    pub fn never() -> Self {
        Self(Vec::new())
    }
}

/// A request as it came, head and body.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub head: String,
    pub body: String,
}

pub struct Site {
    pub port: u16,
    pages: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: AbortHandle,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Site {
    pub async fn start(pages: &[(&str, Answer)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let pages: HashMap<String, Answer> = pages
            .iter()
            .map(|(path, answer)| ((*path).to_owned(), answer.clone()))
            .collect();
        let pages = Arc::new(Mutex::new(pages));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (for_pages, for_asked) = (Arc::clone(&pages), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (pages, asked) = (Arc::clone(&for_pages), Arc::clone(&for_asked));
                connections.spawn(async move {
                    let mut read = Vec::new();
                    let mut buffer = [0; 4096];
                    let request = loop {
                        let Ok(count @ 1..) = stream.read(&mut buffer).await else {
                            return;
                        };
                        read.extend_from_slice(&buffer[..count]);
                        let text = String::from_utf8_lossy(&read).into_owned();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else {
                            continue;
                        };
                        let length = head
                            .lines()
                            .find_map(|line| {
                                line.to_ascii_lowercase()
                                    .strip_prefix("content-length: ")
                                    .map(str::to_owned)
                            })
                            .map_or(0, |length| length.parse().unwrap());
                        if body.len() >= length {
                            break Asked {
                                path: head.split(' ').nth(1).unwrap().to_owned(),
                                head: head.to_owned(),
                                body: body.to_owned(),
                            };
                        }
                    };
                    let answer = pages.lock().unwrap().get(&request.path).cloned();
                    asked.lock().unwrap().push(request);
                    let answer =
                        answer.unwrap_or_else(|| Answer::of(404, &[("content-type", "text/html")], "<p>none</p>"));
                    if answer.0.is_empty() {
                        // Until the client leaves.
                        while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
                        return;
                    }
                    let _ = stream.write_all(&answer.0).await;
                    let _ = stream.shutdown().await;
                });
            }
        })
        .abort_handle();
        Self {
            port,
            pages,
            asked,
            task,
        }
    }

    pub fn set(&self, path: &str, answer: Answer) {
        self.pages.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub fn url(&self, path: &str) -> Url {
        self.on("127.0.0.1", path)
    }

    /// The same site under another name of this machine: another site to the browser.
    pub fn on(&self, host: &str, path: &str) -> Url {
        format!("http://{host}:{}{path}", self.port).parse().unwrap()
    }

    pub fn all_asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|asked| asked.path == path)
            .cloned()
            .collect()
    }
}
