//! Keys, clicks and texts that are filled in: where they go, and what they set going.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_browser::cdp::Received;
use silkroute_browser::{Error, Navigation, SelectorState, WaitUntil};
use support::{Answer, Site, browser, go, soon, tab};

/// Fields of every sort.
const FIELDS: &str = "<form style='display: none'><input name=pw></form>\
    <input id=u><form><input name=pw type=password value=old></form>\
    <input id=check type=checkbox><select id=select><option>a</select><input id=off disabled><input id=fixed readonly>\
    <fieldset disabled><input id=among></fieldset><input id=date type=date><input id=button type=button value=b><p id=p>text</p>\
    <div inert><input id=inert></div>\
    <input id=number type=number><textarea id=area>old</textarea>\
    <div id=editable contenteditable>old <b id=bold>bold</b></div><x-field id=within></x-field>\
    <script>customElements.define('x-field', class extends HTMLElement { constructor() { super(); \
    this.attachShadow({mode: 'open', delegatesFocus: true}).innerHTML = '<input>' } })</script>";

#[tokio::test]
async fn a_text_goes_into_the_first_visible_field_or_nowhere() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/", Answer::html(FIELDS))]).await;
    let tab = tab(&browser).await;
    tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    tab.fill("#u", "alice", soon()).await.unwrap();
    tab.fill("input[name=pw]", "s3cret", soon()).await.unwrap();
    for none in [
        "#check", "#select", "#off", "#fixed", "#among", "#date", "#button", "#p", "#inert",
    ] {
        // It still has the focus that one of these does not take.
        tab.fill("#u", "alice", soon()).await.unwrap();
        let error = tab.fill(none, "s3cret", soon()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{none}: {error:?}");
        assert!(error.to_string().contains(none), "{error}");
    }
    for (field, text) in [
        ("#number", "42"),
        ("#area", "long"),
        ("#bold", "thin"),
        ("#within", "deep"),
    ] {
        tab.fill(field, text, soon()).await.unwrap();
    }
    let values: Vec<String> = tab
        .evaluate(
            "[u.value, ...[...document.getElementsByName('pw')].map(e => e.value), document.getElementById('number').value, \
             area.value, editable.textContent, within.shadowRoot.firstChild.value, off.value, fixed.value, among.value]",
            soon(),
        )
        .await
        .unwrap();
    assert_eq!(
        values,
        ["alice", "", "s3cret", "42", "long", "old thin", "deep", "", "", ""]
    );
    tab.fill("#u", "", soon()).await.unwrap();
    let value: String = tab.evaluate("u.value", soon()).await.unwrap();
    assert_eq!(value, "");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn keys_and_clicks_are_trusted_and_have_their_places() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[(
        "/",
        Answer::html(
            "<input id=i><script>var seen = []; for (const kind of ['keydown', 'input', 'keyup', 'click']) \
             addEventListener(kind, e => seen.push([kind, e.isTrusted, e.key ?? '', e.code ?? '', e.keyCode ?? 0]), true)\
             </script>",
        ),
    )])
    .await;
    let tab = tab(&browser).await;
    tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    tab.click("#i", soon()).await.unwrap();
    for key in ["a", "Z", "7", " ", "é", "Enter"] {
        tab.press(key, soon()).await.unwrap();
    }
    let value: String = tab.evaluate("i.value", soon()).await.unwrap();
    assert_eq!(value, "aZ7 é");
    tab.fill("#i", "more", soon()).await.unwrap();
    let seen: Vec<(String, bool, String, String, u32)> = tab.evaluate_in_page("seen", soon()).await.unwrap();
    assert!(seen.iter().all(|(_, trusted, ..)| *trusted), "{seen:?}");
    let down = seen.iter().filter(|(kind, ..)| kind == "keydown");
    let keys: Vec<_> = down
        .map(|(_, _, key, code, number)| (key.as_str(), code.as_str(), *number))
        .collect();
    let expected = [
        ("a", "KeyA", 65),
        ("Z", "KeyZ", 90),
        ("7", "Digit7", 55),
        (" ", "Space", 32),
        ("é", "", 0),
        ("Enter", "Enter", 13),
    ];
    assert_eq!(keys, expected, "a text that is filled in has no keys");
    let (last, ..) = seen.last().unwrap();
    assert_eq!(last, "input");
    browser.close().await.unwrap();
}

#[tokio::test]
async fn an_action_may_go_through_any_number_of_pages() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[]).await;
    for page in 0..60 {
        let html = format!("<title>{page}</title><a href=/{}>on</a>", page + 1);
        site.set(&format!("/{page}"), Answer::html(&html));
    }
    let tab = tab(&browser).await;
    go(&tab, &site, "/0").await.unwrap();
    for page in 1..60 {
        tab.click("a", soon()).await.unwrap();
        tab.wait_for_selector(&format!("a[href='/{}']", page + 1), SelectorState::Visible, soon())
            .await
            .unwrap();
    }
    let document = tab.arrive(WaitUntil::Load, soon()).await.unwrap();
    assert_eq!(document.url, site.url("/59").as_str());
    assert_eq!(tab.document().unwrap().url, document.url);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn requests_that_come_to_nothing_do_not_make_the_page_forgotten() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[
        ("/", Answer::html("<a href=/nothing>go</a>")),
        ("/nothing", Answer::of(204, &[], "")),
    ])
    .await;
    let tab = tab(&browser).await;
    go(&tab, &site, "/").await.unwrap();
    let mut answers = tab.session().subscribe(&["Network.responseReceivedExtraInfo"], 64);
    for _ in 0..30 {
        tab.click("a", soon()).await.unwrap();
        // What the site says of the page, and of its icon, may come late.
        let answered = async {
            loop {
                let Some(Received::Event(event)) = answers.next().await else {
                    panic!("events were lost");
                };
                if event.read::<serde_json::Value>().unwrap()["statusCode"] == 204 {
                    return;
                }
            }
        };
        soon().run("the answer", answered).await.unwrap();
    }
    assert_eq!(site.asked("/nothing").len(), 30);
    let document = tab.arrive(WaitUntil::Load, soon()).await.unwrap();
    assert_eq!(document.url, site.url("/").as_str());
    browser.close().await.unwrap();
}
