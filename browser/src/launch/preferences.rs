//! What a fresh profile is told before its first start, where no flag says it.

use serde_json::{Value, json};

use super::options::LaunchOptions;

/// The files, below the profile's folder, and what is in them.
pub(super) fn files(options: &LaunchOptions) -> [(&'static str, Value); 2] {
    [
        ("Default/Preferences", preferences(options)),
        ("Local State", local_state(options)),
    ]
}

fn preferences(options: &LaunchOptions) -> Value {
    json!({
        // No connections and no look-ups on suspicion (2 is "never"). They would stay open when the fetch that they were for is
        // cancelled.
        "net": {"network_prediction_options": 2},
        // The browser forgets the cookies of its session when its last window closes, unless it is to go on with it (1) at its
        // next start, of which a fresh profile has none.
        "session": {"restore_on_startup": 1},
        "plugins": {"always_open_pdf_externally": !options.pdf_viewer},
    })
}

fn local_state(options: &LaunchOptions) -> Value {
    let mut state = json!({});
    if let Some(template) = &options.dns_over_https {
        state["dns_over_https"] = json!({"mode": "secure", "templates": template});
    }
    if let Some(proxies) = &options.auth_proxies {
        let origins: Vec<String> = proxies
            .iter()
            .map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
            .collect();
        // Of all schemes the one that asks nobody anything.
        state["auth"] = json!({"schemes": "negotiate", "http_auth_allowed_for_origins": origins});
    }
    state
}
