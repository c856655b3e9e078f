//! A server that says how long its page may be kept, or refuses it.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use silkroute_core::Fetch;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the next requests are answered with.
#[derive(Clone, Default)]
pub(crate) struct Page {
    /// Beside the body's length: lines such as `ETag: "1"`.
    pub(crate) headers: Vec<&'static str>,
    /// In place of `200 OK`.
    pub(crate) status: Option<&'static str>,
    pub(crate) body: &'static str,
}

pub(crate) struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    page: Mutex<Page>,
    /// The heads of all requests, in lower case.
    heads: Mutex<Vec<String>>,
}

impl Origin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let of_task = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // One request on each connection, one connection after the other.
                let _ = serve(client, &of_task).await;
            }
        });
        Self { address, shared, task }
    }

    pub(crate) fn get(&self) -> Fetch {
        Fetch::get(&format!("http://{}/page", self.address)).unwrap()
    }

    pub(crate) fn answer(&self, body: &'static str, headers: &[&'static str]) {
        *self.shared.page.lock().unwrap() = Page {
            headers: headers.to_vec(),
            status: None,
            body,
        };
    }

    pub(crate) fn refuse(&self, status: &'static str, body: &'static str) {
        *self.shared.page.lock().unwrap() = Page {
            status: Some(status),
            body,
            ..Page::default()
        };
    }

    /// The heads of the requests since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.heads.lock().unwrap())
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while reader.read_line(&mut head).await? > 2 {}
    let head = head.to_lowercase();
    let page = shared.page.lock().unwrap().clone();
    // What a server does: the validator that it has is the one that it is asked about.
    let etag = page.headers.iter().find_map(|line| line.strip_prefix("ETag: "));
    let holds = etag.is_some_and(|etag| head.contains(&format!("if-none-match: {}\r\n", etag.to_lowercase())));
    let (status, body) = if holds {
        ("304 Not Modified", "")
    } else {
        (page.status.unwrap_or("200 OK"), page.body)
    };
    shared.heads.lock().unwrap().push(head);
    let mut answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    if !holds {
        answer += &format!("Content-Length: {}\r\n", body.len());
    }
    for line in &page.headers {
        answer += &format!("{line}\r\n");
    }
    let client = reader.get_mut();
    client.write_all(format!("{answer}\r\n{body}").as_bytes()).await?;
    client.shutdown().await
}
