//! What a browser says of itself by itself, and how it is asked.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::hints::ClientHints;
use crate::cdp::{RawCommand, Received};
use crate::{Context, Deadline, Error, Result, TabOptions, WaitUntil};

/// What the pages of a context say of their browser while nobody has told them anything.
#[derive(Clone, Debug)]
pub struct OwnWords {
    /// The `Accept` of a navigation, where the browser told it.
    pub accept: Option<String>,
    /// The client hints; empty where a flag blanks them.
    pub hints: ClientHints,
    /// What `navigator.languages` gives, most preferred first.
    pub languages: Vec<String>,
}

impl OwnWords {
    /// What `navigator.languages` gives.
    pub const LANGUAGES: &str = "[...navigator.languages]";

    /// Asks a browser that runs. It is shown an empty page that no network has seen.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn ask(context: &Context, deadline: Deadline) -> Result<Self> {
        const ASK: &str = "navigator.userAgentData.getHighEntropyValues(['architecture', 'bitness', 'formFactors', \
                           'fullVersionList', 'model', 'platformVersion', 'uaFullVersion', 'wow64'])";
        let tab = context.open(TabOptions::default(), deadline).await?;
        // Client hints are for secure origins; this one is answered from here.
        let session = tab.session();
        let mut paused = session.subscribe(&["Fetch.requestPaused"], 4);
        let everything = json!({"patterns": [{"urlPattern": "*"}]});
        session
            .send(RawCommand::new("Fetch.enable", everything)?, deadline)
            .await?;
        let navigate = RawCommand::new("Page.navigate", json!({"url": "https://probe.invalid/"}))?;
        let answer = async {
            let Some(Received::Event(event)) = paused.next().await else {
                return Err(gone());
            };
            let request: Paused = event.read()?;
            let page = json!({
                "requestId": request.request_id,
                "responseCode": 200,
                "responseHeaders": [{"name": "Content-Type", "value": "text/html"}],
                "body": BASE64_STANDARD.encode("<!DOCTYPE html><title>-</title>"),
            });
            session
                .send(RawCommand::new("Fetch.fulfillRequest", page)?, deadline)
                .await?;
            Ok(request.accept())
        };
        let answering = deadline.run("asking the browser for its client hints", answer);
        let (navigated, answered) = tokio::join!(session.send(navigate, deadline), answering);
        navigated?;
        let accept = answered??;
        tab.arrive(WaitUntil::DomContentLoaded, deadline).await?;
        let hints = tab.evaluate(ASK, deadline).await?;
        let languages = tab.evaluate(Self::LANGUAGES, deadline).await?;
        tab.close(deadline).await?;
        Ok(Self {
            accept,
            hints,
            languages,
        })
    }
}

/// The languages in `Accept-Language` of a browser with these: behind the last of a family its base, as
/// `net::HttpUtil::ExpandLanguageList` of Chromium adds it.
pub fn accepted_languages(languages: &[String]) -> Vec<String> {
    let base = |language: &str| language.split('-').next().unwrap_or(language).to_owned();
    let mut all: Vec<String> = Vec::new();
    let mut add = |language: String| {
        if !all.contains(&language) {
            all.push(language);
        }
    };
    for (index, language) in languages.iter().enumerate() {
        add(language.clone());
        let family = base(language);
        let goes_on = languages.get(index + 1).is_some_and(|next| base(next) == family);
        if !goes_on && !["x", "i"].contains(&family.as_str()) {
            add(family);
        }
    }
    all
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paused {
    request_id: String,
    request: PausedRequest,
}

#[derive(Deserialize)]
struct PausedRequest {
    #[serde(default)]
    headers: HashMap<String, String>,
}

impl Paused {
    fn accept(&self) -> Option<String> {
        let mut headers = self.request.headers.iter();
        headers
            .find(|(name, _)| name.eq_ignore_ascii_case("accept"))
            .map(|(_, value)| value.clone())
    }
}

fn gone() -> Error {
    Error::Invalid {
        what: "the browser".to_owned(),
        reason: "it was gone before it had told its client hints".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_family_of_languages_its_base_is_asked_for() {
        let asked =
            |languages: &[&str]| accepted_languages(&languages.iter().map(|&one| one.to_owned()).collect::<Vec<_>>());
        assert_eq!(asked(&["en-US", "en"]), ["en-US", "en"]);
        assert_eq!(asked(&["fr-FR", "en-US"]), ["fr-FR", "fr", "en-US", "en"]);
        assert_eq!(asked(&["de-DE", "de-AT", "fr"]), ["de-DE", "de-AT", "de", "fr"]);
        assert_eq!(asked(&["en-US", "fr", "en"]), ["en-US", "en", "fr"]);
        assert_eq!(asked(&["i-klingon"]), ["i-klingon"]);
    }
}
