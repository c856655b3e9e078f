//! Where a text goes that is filled in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use silkroute_browser::{Error, Navigation};
use support::{Answer, Site, browser, soon, tab};

const PAGE: &str = "<form style='display: none'><input name=pw></form>\
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
    let site = Site::start(&[("/", Answer::html(PAGE))]).await;
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
