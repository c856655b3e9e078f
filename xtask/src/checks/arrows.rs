//! Which package may stand on which: the arrows of docs/architecture.md, and what must be in no one's dependency tree.

use std::collections::BTreeSet;

use crate::command::Cmd;
use crate::workspace::Workspace;

/// HTTP clients and servers, TLS, browsers and HTML parsers. A name with `*` at its end stands for all that begin so.
const HEAVY: &[&str] = &[
    "boring*",
    "btls*",
    "chromiumoxide*",
    "cssparser",
    "curl*",
    "fantoccini",
    "h2",
    "headless_chrome",
    "html5ever",
    "http2",
    "hyper*",
    "isahc",
    "kuchiki*",
    "lol_html",
    "markup5ever*",
    "native-tls",
    "openssl*",
    "reqwest*",
    "rustls*",
    "scraper",
    "selectors",
    "thirtyfour",
    "tl",
    "tokio-btls",
    "tokio-rustls",
    "ureq*",
    "wreq*",
];

/// What clashes with BoringSSL in one program.
const CLASHING: &[&str] = &["native-tls", "openssl", "openssl-sys"];

/// What a group of packages must not have below it.
struct Rule {
    /// The packages; `*` at the end as above.
    packages: &'static str,
    /// What must not be there, besides the packages themselves.
    forbidden: &'static [&'static [&'static str]],
    /// What may be there all the same.
    allowed: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        packages: "silkroute-core",
        forbidden: &[HEAVY, &["silkroute*"]],
        allowed: &[],
    },
    Rule {
        packages: "silkroute-manager",
        forbidden: &[HEAVY, &["silkroute*"]],
        allowed: &["silkroute-core"],
    },
    // No kind knows another, nor who manages it.
    Rule {
        packages: "silkroute-session-*",
        forbidden: &[&["silkroute*"]],
        allowed: &["silkroute-core", "silkroute-browser"],
    },
    Rule {
        packages: "silkroute-browser",
        forbidden: &[&["silkroute*"]],
        allowed: &["silkroute-core"],
    },
    // The engine sees `dyn Session`.
    Rule {
        packages: "silkroute-spider",
        forbidden: &[&["silkroute-session-*", "silkroute-browser"]],
        allowed: &[],
    },
];

/// Checks every rule against `cargo tree`.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let mut broken = Vec::new();
    for package in &workspace.packages {
        for rule in RULES.iter().filter(|rule| is_like(&package.name, rule.packages)) {
            let below = tree(&format!("-p {} -e normal,build", package.name))?;
            let found = violations(rule, &package.name, &below);
            println!(
                "    {}: {} packages below it",
                package.name,
                below.len().saturating_sub(1)
            );
            broken.extend(found.into_iter().map(|name| {
                format!(
                    "{} must not depend on {name}: cargo tree -p {} -e normal,build --target all -i {name}",
                    package.name, package.name
                )
            }));
        }
    }
    let all = tree("--workspace -e normal,build,dev")?;
    println!("    the workspace: {} packages in all", all.len());
    broken.extend(matching(&all, CLASHING).map(|name| {
        format!("{name} clashes with BoringSSL and must not be there: cargo tree --workspace --target all -i {name}")
    }));
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.join("\n  "))
    }
}

/// The names of all packages in a tree, for every platform.
fn tree(which: &str) -> Result<BTreeSet<String>, String> {
    let text = Cmd::cargo()
        .words("tree --quiet --target all --prefix none --format {p}")
        .words(which)
        .read()?;
    Ok(names(&text))
}

/// The first word of every line: `serde v1.0.0 (*)`.
fn names(tree: &str) -> BTreeSet<String> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn violations(rule: &Rule, package: &str, below: &BTreeSet<String>) -> Vec<String> {
    let forbidden = rule.forbidden.iter().flat_map(|list| matching(below, list));
    forbidden
        .filter(|name| *name != package && !rule.allowed.contains(name))
        .map(str::to_owned)
        .collect()
}

fn matching<'a>(names: &'a BTreeSet<String>, patterns: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    names
        .iter()
        .map(String::as_str)
        .filter(|name| patterns.iter().any(|pattern| is_like(name, pattern)))
}

fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, tree: &str) -> Vec<String> {
        let below = names(tree);
        RULES
            .iter()
            .filter(|rule| is_like(package, rule.packages))
            .flat_map(|rule| violations(rule, package, &below))
            .collect()
    }

    #[test]
    fn core_stands_on_nothing_heavy_and_nothing_of_ours() {
        let fine =
            "silkroute-core v0.1.0 (/w/core)\nhttp v1.5.0\nserde v1.0.0 (*)\nhttpdate v1.0.3\n\ntempfile v3.0.0\n";
        assert!(found("silkroute-core", fine).is_empty());
        let heavy = format!(
            "{fine}btls-sys v0.5.6\nhyper-util v0.1.0 (*)\nscraper v0.20.0\nsilkroute-manager v0.1.0 (/w/manager)\n"
        );
        assert_eq!(
            found("silkroute-core", &heavy),
            ["btls-sys", "hyper-util", "scraper", "silkroute-manager"]
        );
    }

    #[test]
    fn no_kind_knows_another() {
        let fine =
            "silkroute-session-dynamic v0.1.0\nsilkroute-browser v0.1.0\nsilkroute-core v0.1.0\nchromiumoxide v0.7.0\n";
        assert!(found("silkroute-session-dynamic", fine).is_empty());
        let known = format!("{fine}silkroute-session-http v0.1.0\nsilkroute-manager v0.1.0\n");
        assert_eq!(
            found("silkroute-session-dynamic", &known),
            ["silkroute-manager", "silkroute-session-http"]
        );
    }

    #[test]
    fn what_clashes_is_found_by_its_whole_name() {
        let all = names("openssl-probe v0.1.0\nnative-tls v0.2.0\n");
        assert_eq!(matching(&all, CLASHING).collect::<Vec<_>>(), ["native-tls"]);
    }
}
