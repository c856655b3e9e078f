//! `-H 'Name: value'`.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::failure::Failure;

/// Reads headers, in their order.
pub(crate) fn read(given: &[String]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (index, header) in given.iter().enumerate() {
        let (name, value) = parse(index + 1, header)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Reads `NAME: VALUE`. What is wrong with it is told without the value, which may be a password.
fn parse(number: usize, text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let refused = |reason: String| {
        Failure::Usage(format!(
            "reading header {number} (-H): {reason}; write it as 'Name: value'"
        ))
    };
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| refused("it has no colon".to_owned()))?;
    let name = name.trim();
    let parsed =
        HeaderName::try_from(name).map_err(|_| refused(format!("`{}` is no header name", name.escape_debug())))?;
    // As bytes: what is not ASCII goes out as it was typed.
    let value = HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|_| {
        refused(format!(
            "the value of `{name}` holds a line break or another control character"
        ))
    })?;
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_header_is_told_without_its_value() {
        let told = |text: &str| match parse(2, text) {
            Err(Failure::Usage(told)) => told,
            other => panic!("{other:?}"),
        };
        for bad in [
            "Authorization hush",
            "Author ization: hush",
            "Authorization: hush\r\nX: y",
        ] {
            let told = told(bad);
            assert!(told.contains("header 2") && !told.contains("hush"), "{told}");
        }
        assert_eq!(parse(1, "X-Empty:").unwrap().1, "");
    }
}
