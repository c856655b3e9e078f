//! The protocol against a scripted peer that behaves oddly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::time::Duration;

use serde_json::{Value, json};
use silkroute_browser::cdp::{CdpSession, Connection, RawCommand, Received};
use silkroute_browser::{Browser, CloseReason, ConnectOptions, Deadline, Error};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf, duplex, split};

struct Peer {
    read: BufReader<ReadHalf<DuplexStream>>,
    write: WriteHalf<DuplexStream>,
}

impl Peer {
    fn new() -> (Connection, Self) {
        let (ours, theirs) = duplex(1 << 16);
        let (read, write) = split(ours);
        let connection = Connection::over_streams(read, write);
        let (read, write) = split(theirs);
        (
            connection,
            Self {
                read: BufReader::new(read),
                write,
            },
        )
    }

    async fn next(&mut self) -> Value {
        let mut message = Vec::new();
        self.read.read_until(0, &mut message).await.unwrap();
        assert_eq!(message.pop(), Some(0), "the other end hung up");
        serde_json::from_slice(&message).unwrap()
    }

    async fn say(&mut self, message: Value) {
        self.raw(message.to_string().as_bytes()).await;
    }

    async fn raw(&mut self, message: &[u8]) {
        self.write.write_all(message).await.unwrap();
        self.write.write_all(&[0]).await.unwrap();
    }

    /// Answers one command with its own id.
    async fn answer(&mut self, result: Value) -> Value {
        let command = self.next().await;
        self.say(json!({"id": command["id"], "result": result})).await;
        command
    }

    async fn attach(&mut self, session: &str, parent: Option<&str>, kind: &str) {
        let mut event = json!({"method": "Target.attachedToTarget", "params": {
            "sessionId": session, "waitingForDebugger": true,
            "targetInfo": {"targetId": format!("t-{session}"), "type": kind, "newField": {"deep": [1]}}}});
        if let Some(parent) = parent {
            event["sessionId"] = parent.into();
        }
        self.say(event).await;
    }
}

fn command(method: &'static str) -> RawCommand {
    RawCommand::new(method, json!({})).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

/// Waits until all that the peer said before has been read.
async fn settled(root: &CdpSession, peer: &mut Peer) {
    let (result, _) = tokio::join!(root.send(command("Test.sync"), soon()), peer.answer(json!({})));
    result.unwrap();
}

#[tokio::test]
async fn what_is_odd_is_passed_over() {
    let (connection, mut peer) = Peer::new();
    let root = connection.root();
    peer.say(json!({"method": "New.event", "params": {"a": 1}})).await;
    peer.say(json!({"method": "Target.attachedToTarget", "params": {}}))
        .await;
    peer.say(json!({"method": "Target.attachedToTarget"})).await;
    peer.say(json!({"method": "Target.detachedFromTarget", "params": {"sessionId": "unknown"}}))
        .await;
    peer.say(json!({"method": "Page.frameNavigated", "sessionId": "unknown", "params": {}}))
        .await;
    peer.say(json!({"id": 999_999, "result": {}})).await;
    peer.say(json!({"id": 1})).await;
    peer.say(json!([])).await;
    peer.raw(b"no json").await;
    peer.raw(b"\xff\xfe").await;
    peer.raw(b"").await;
    settled(&root, &mut peer).await;
    assert_eq!((connection.pending(), root.close_reason()), (0, None));
}

#[tokio::test]
async fn replies_find_their_command_in_any_order_and_errors_are_told() {
    let (connection, mut peer) = Peer::new();
    let root = connection.root();
    let script = async {
        let (first, second, third) = (peer.next().await, peer.next().await, peer.next().await);
        peer.say(json!({"id": third["id"], "error": {"code": -32000, "message": "no", "data": 1}}))
            .await;
        peer.say(json!({"id": second["id"]})).await;
        peer.say(json!({"id": first["id"], "result": {"v": 1, "unknown": true}}))
            .await;
    };
    let (one, two, three, ()) = tokio::join!(
        root.send_as::<Value>(command("A.a"), soon()),
        root.send(command("B.b"), soon()),
        root.send(command("C.c"), soon()),
        script
    );
    assert_eq!(one.unwrap()["v"], 1);
    assert_eq!(two.unwrap().get(), "null");
    let error = three.unwrap_err();
    assert!(
        matches!(&error, Error::Protocol { code: -32000, message, .. } if message == "no"),
        "{error}"
    );
}

#[tokio::test]
async fn a_deadline_or_a_dropped_future_leaves_nothing_waiting() {
    let (connection, mut peer) = Peer::new();
    let root = connection.root();
    let late = root
        .send(command("Never.answered"), Deadline::after(Duration::from_millis(20)))
        .await;
    assert!(late.unwrap_err().is_timeout());
    drop(tokio::time::timeout(Duration::from_millis(20), root.send(command("Cancelled.soon"), soon())).await);
    assert_eq!(connection.pending(), 0);
    let late = peer.next().await;
    peer.next().await;
    peer.say(json!({"id": late["id"], "result": {}})).await;
    settled(&root, &mut peer).await;
}

#[tokio::test]
async fn a_peer_that_hangs_up_fails_all_that_waits_at_once() {
    let (connection, mut peer) = Peer::new();
    let root = connection.root();
    peer.attach("s", None, "page").await;
    settled(&root, &mut peer).await;
    let session = connection.session("s").unwrap();
    let mut events = session.subscribe(&[""], 4);
    let hang_up = async {
        peer.next().await;
        peer.next().await;
        drop(peer);
    };
    let (one, two, ()) = tokio::join!(
        root.send(command("A.a"), soon()),
        session.send(command("B.b"), soon()),
        hang_up
    );
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert!(error.is_browser_gone(), "{error}");
    }
    assert!(matches!(root.closed().await, CloseReason::Lost(_)));
    assert!(events.next().await.is_none());
    assert!(root.send(command("C.c"), soon()).await.unwrap_err().is_browser_gone());
    assert_eq!(connection.pending(), 0);
}

#[tokio::test]
async fn half_a_message_at_the_end_is_a_lost_connection() {
    let (connection, mut peer) = Peer::new();
    peer.write.write_all(b"{\"id\":").await.unwrap();
    drop(peer);
    assert!(matches!(connection.root().closed().await, CloseReason::Lost(_)));
}

#[tokio::test]
async fn a_target_that_crashes_or_detaches_takes_its_own_and_nobody_else_along() {
    for end in [
        json!({"method": "Target.detachedFromTarget", "params": {"sessionId": "page"}}),
        json!({"method": "Target.targetCrashed", "params": {"targetId": "t-page", "status": "new", "errorCode": 5}}),
        json!({"method": "Inspector.targetCrashed", "sessionId": "page", "params": {}}),
    ] {
        let (connection, mut peer) = Peer::new();
        let root = connection.root();
        peer.attach("page", None, "page").await;
        peer.attach("frame", Some("page"), "iframe").await;
        peer.attach("worker", Some("frame"), "a_kind_of_tomorrow").await;
        peer.attach("other", None, "page").await;
        settled(&root, &mut peer).await;
        let of = |id: &str| connection.session(id).unwrap();
        let (page, worker, other) = (of("page"), of("worker"), of("other"));
        assert_eq!(page.children().len(), 1);
        let script = async {
            for _ in 0..2 {
                peer.next().await;
            }
            peer.say(end.clone()).await;
            // Again, and late: neither may do harm.
            peer.say(end.clone()).await;
            peer.say(json!({"method": "Page.loadEventFired", "sessionId": "frame", "params": {}}))
                .await;
            peer.answer(json!({"fine": true})).await
        };
        let (one, two, ..) = tokio::join!(
            page.send(command("A.a"), soon()),
            worker.send(command("B.b"), soon()),
            async {
                page.closed().await;
                other.send(command("C.c"), soon()).await.unwrap();
            },
            script
        );
        for error in [one.unwrap_err(), two.unwrap_err()] {
            assert!(error.is_gone() && !error.is_browser_gone(), "{error}");
        }
        assert!(connection.session("frame").is_none() && root.close_reason().is_none());
    }
}

#[tokio::test]
async fn a_slow_listener_is_told_and_holds_up_nobody() {
    let (connection, mut peer) = Peer::new();
    let root = connection.root();
    let mut slow = root.subscribe(&["Noise."], 8);
    let mut none = root.subscribe(&["Other."], 8);
    for n in 0..100 {
        peer.say(json!({"method": "Noise.made", "params": {"n": n}})).await;
    }
    settled(&root, &mut peer).await;
    assert!(matches!(slow.next().await, Some(Received::Lagged(92))));
    for n in 0..8 {
        let Some(Received::Event(event)) = slow.next().await else {
            panic!("an event is missing")
        };
        assert_eq!(event.read::<Value>().unwrap()["n"], n);
    }
    connection.close(&CloseReason::Closed);
    assert!(slow.next().await.is_none() && none.next().await.is_none());
}

#[tokio::test]
async fn a_huge_message_arrives_whole() {
    let (connection, mut peer) = Peer::new();
    let root = connection.root();
    let text = "\u{e4}".repeat(8 << 20);
    let (result, _) = tokio::join!(
        root.send_as::<Value>(command("A.a"), soon()),
        peer.answer(json!({"text": text}))
    );
    assert_eq!(result.unwrap()["text"].as_str().unwrap().len(), 16 << 20);
}

#[tokio::test]
async fn foreign_pages_are_let_go_and_popups_of_a_connected_browser_left_alone() {
    let (connection, mut peer) = Peer::new();
    let (browser, ()) = tokio::join!(Browser::attach(connection, soon()), async {
        assert_eq!(
            peer.answer(json!({"product": "Tomorrow/999", "more": []})).await["method"],
            "Browser.getVersion"
        );
        assert_eq!(peer.answer(json!({})).await["method"], "Target.setAutoAttach");
    });
    let browser = browser.unwrap();
    assert_eq!(browser.version().product, "Tomorrow/999");
    peer.attach("theirs", None, "page").await;
    let resumed = peer.next().await;
    assert_eq!(
        (resumed["method"].as_str(), resumed["sessionId"].as_str()),
        (Some("Runtime.runIfWaitingForDebugger"), Some("theirs"))
    );
    assert_eq!(peer.next().await["method"], "Target.detachFromTarget");
    peer.attach("odd", None, "a_kind_of_tomorrow").await;
    assert_eq!(peer.next().await["method"], "Runtime.runIfWaitingForDebugger");
}

#[tokio::test]
async fn a_cdp_url_that_leads_nowhere_is_an_error_without_its_secrets() {
    for url in [
        "http://127.0.0.1:9/?token=secret",
        "ws://u:secret@127.0.0.1:9/x?token=secret",
        "ftp://127.0.0.1/",
    ] {
        let mut options = ConnectOptions::new(url.parse().unwrap());
        options.timeout = Duration::from_secs(5);
        let error = Browser::connect(&options).await.unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
