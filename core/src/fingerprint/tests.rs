use super::*;
use crate::{Fetch, Multipart, Part, RequestExt};

fn of(request: Fetch) -> String {
    Fingerprint::of(&request, "default").to_string()
}

/// The vectors were computed by Scrapling.
#[test]
fn it_is_the_one_that_scrapling_computes() {
    let get = Fetch::get("http://h/a").unwrap();
    assert_eq!(of(get), "02810472ef1284976bcf4fcb51753913ac788610");
    let form = Fetch::post("http://h/a?b=2&a=1#frag").unwrap().form([("k", "v")]);
    assert_eq!(of(form), "19aad401bad5b8bce5e80e271999ef4dcfb862a9");
}

#[test]
fn spelling_does_not_matter() {
    let url = "http://h/a";
    assert_eq!(
        of(Fetch::new("purge", url).unwrap()),
        of(Fetch::new("PURGE", url).unwrap())
    );
    let body = |text: &str| {
        of(Fetch::post(url)
            .unwrap()
            .json(&serde_json::from_str::<Value>(text).unwrap())
            .unwrap())
    };
    assert_eq!(
        body(r#"{"b":[{"y":1,"x":2}],"a":null}"#),
        body(r#"{"a":null,"b":[{"x":2,"y":1}]}"#)
    );
    assert_ne!(body("[1,2]"), body("[2,1]"));
}

#[test]
fn everything_that_is_sent_matters() {
    let post = || Fetch::post("http://h/a").unwrap();
    let upload = |content: &'static str| post().body(Multipart::new().part(Part::bytes("f", content).file_name("x")));
    let all = [
        of(post()),
        of(Fetch::get("http://h/a").unwrap()),
        of(Fetch::post("http://h/b").unwrap()),
        of(post().json(&json!({})).unwrap()),
        of(post().json(&json!(null)).unwrap()),
        of(post().body("x")),
        of(post().form([("a", "1"), ("b", "2")])),
        of(post().form([("b", "2"), ("a", "1")])),
        of(upload("one")),
        of(upload("two")),
        Fingerprint::of(&post(), "other").to_string(),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(of(upload("one")), of(upload("one")));
}

#[test]
fn the_rest_matters_when_it_is_asked_for() {
    let plain = || Fetch::get("http://h/a").unwrap();
    let with = |rules: &FingerprintRules, request: &Fetch| rules.fingerprint(request, "default");
    let headers = FingerprintRules {
        include_headers: true,
        ..FingerprintRules::default()
    };
    let options = FingerprintRules {
        include_options: true,
        ..FingerprintRules::default()
    };
    let fragments = FingerprintRules {
        keep_fragments: true,
        ..FingerprintRules::default()
    };

    let one = plain().header("X-A", "1").unwrap().header("X-B", "2").unwrap();
    let two = plain().header("x-b", "2").unwrap().header("x-a", "1").unwrap();
    assert_eq!(with(&headers, &one), with(&headers, &two));
    assert_ne!(with(&headers, &one), with(&headers, &plain()));
    assert_ne!(with(&headers, &plain().cookie("a", "b")), with(&headers, &plain()));
    assert_eq!(of(one), of(plain().cookie("a", "b")));

    let as_somebody = plain().identity("chrome142".parse().unwrap());
    assert_ne!(with(&headers, &as_somebody), with(&headers, &plain()));
    assert_eq!(of(as_somebody), of(plain()));

    let mut deep = plain();
    deep.parts_mut().options.set_key("http", "depth", 1);
    assert_ne!(with(&options, &deep), with(&options, &plain()));
    assert_eq!(of(deep), of(plain()));

    let below = Fetch::get("http://h/a#b").unwrap();
    assert_ne!(with(&fragments, &below), with(&fragments, &plain()));
    assert_eq!(of(below), of(plain()));
}

#[test]
fn it_is_written_in_hexadecimal() {
    let text = "02810472ef1284976bcf4fcb51753913ac788610";
    let fingerprint: Fingerprint = text.parse().unwrap();
    assert_eq!(fingerprint.to_string(), text);
    assert_eq!(Fingerprint::from_bytes(*fingerprint.as_bytes()), fingerprint);
    let quoted = serde_json::to_string(&fingerprint).unwrap();
    assert_eq!(quoted, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Fingerprint>(&quoted).unwrap(), fingerprint);
    for wrong in [
        "",
        "02",
        "0281047 ef1284976bcf4fcb51753913ac788610",
        "+2810472ef1284976bcf4fcb51753913ac788610",
    ] {
        assert!(
            wrong
                .parse::<Fingerprint>()
                .unwrap_err()
                .to_string()
                .contains("40 hexadecimal"),
            "{wrong}"
        );
    }
}
