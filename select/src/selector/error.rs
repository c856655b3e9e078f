//! Where a selector stops making sense, and what would.

use cssparser::{BasicParseErrorKind, ParseError, ParseErrorKind, Parser as Input, Token};
use selectors::parser::{ParseRelative, SelectorList, SelectorParseErrorKind};
use silkroute_core::{Error, Result};

use super::grammar::{Css, Grammar};

type Failure = ParseError<SelectorParseErrorKind>;

const ENDED: &str = "a comma or the end, as a pseudo-element ends its part";

/// Finds brackets and quotes that are never closed, or never opened. CSS closes them at the end without a word, which
/// hides that half of the selector is missing.
pub(crate) fn check_brackets(text: &str) -> Result<()> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut quote: Option<(usize, char)> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (_, '\\') => {
                chars.next();
            }
            (Some((_, mark)), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some((at, c)),
            (None, '(' | '[') => open.push((at, c)),
            (None, ')' | ']') => match open.pop() {
                Some((_, '(')) if c == ')' => {}
                Some((_, '[')) if c == ']' => {}
                _ => return Err(error(text, at, format!("`{c}` closes nothing"))),
            },
            _ => {}
        }
    }
    match quote.or_else(|| open.pop()) {
        Some((at, c)) => Err(error(text, at, format!("`{c}` is never closed"))),
        None => Ok(()),
    }
}

/// The error for a selector that could not be read.
pub(crate) fn explain(text: &str, failure: Failure) -> Error {
    let (at, failure) = locate(text, 0, Grammar { in_has: false }, ParseRelative::No).unwrap_or((0, failure));
    error(text, at, expected(&text[..at], &text[at..], &failure))
}

fn error(text: &str, at: usize, reason: String) -> Error {
    let character = text[..at].chars().count() + 1;
    Error::invalid(
        format!("the selector `{text}`"),
        format!("at character {character}, {reason}"),
    )
}

/// Where the list at `offset` fails. The parser itself only tells that it does.
fn locate(text: &str, offset: usize, grammar: Grammar, relative: ParseRelative) -> Option<(usize, Failure)> {
    let list = &text[offset..];
    for (start, end) in parts(list) {
        let part = &list[start..end];
        let Err(failure) = SelectorList::<Css>::parse(&grammar, &mut Input::new(part), relative) else {
            continue;
        };
        // The longest beginning that the parser takes, token by token, is how far it still made sense. A combinator
        // behind it does, too, and only what follows that does not.
        let makes_sense =
            |end: &usize| SelectorList::<Css>::parse(&grammar, &mut Input::new(&part[..*end]), relative).is_ok();
        let sense = tokens(part)
            .into_iter()
            .map(|(_, end)| end)
            .rfind(makes_sense)
            .unwrap_or(0);
        let rest = part[sense..].trim_start();
        let rest = rest
            .strip_prefix(['>', '+', '~'])
            .filter(|_| sense > 0)
            .unwrap_or(rest)
            .trim_start();
        let at = part.len() - rest.len();
        if let Some(found) = locate_inside(text, offset + start + at, offset + end, grammar) {
            return Some(found);
        }
        return Some((offset + start + at, failure));
    }
    None
}

/// Looks into `:is(..)` and its like at `from`.
fn locate_inside(text: &str, from: usize, to: usize, grammar: Grammar) -> Option<(usize, Failure)> {
    let function = text[from..to].strip_prefix(':')?;
    let (name, arguments) = function.split_once('(')?;
    let (grammar, relative) = match name.to_ascii_lowercase().as_str() {
        "is" | "where" | "not" => (grammar, ParseRelative::No),
        "has" if !grammar.in_has => (Grammar { in_has: true }, ParseRelative::ForHas),
        _ => return None,
    };
    let start = to - arguments.len();
    let length = tokens(&text[start - 1..to]).first().map(|&(_, end)| end)?;
    let inside = &text[..start + length.saturating_sub(2)];
    locate(inside, start, grammar, relative)
}

/// The parts of a comma list, as ranges.
fn parts(list: &str) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, end) in tokens(list) {
        if &list[at..end] == "," {
            parts.push((start, at));
            start = end;
        }
    }
    parts.push((start, list.len()));
    parts
}

/// The tokens of a text, as ranges, a bracket with all that is in it as one.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut input = Input::new(text);
    let begin = input.position();
    let mut tokens = Vec::new();
    loop {
        let start = input.slice_from(begin).len();
        let Ok(token) = input.next_including_whitespace() else {
            return tokens;
        };
        let is_block = matches!(
            token,
            Token::Function(_) | Token::ParenthesisBlock | Token::SquareBracketBlock
        );
        if is_block {
            let _skipped: std::result::Result<(), ParseError<()>> = input.parse_nested_block(|inside| {
                while inside.next().is_ok() {}
                Ok(())
            });
        }
        let end = input.slice_from(begin).len();
        tokens.push((start, end));
    }
}

/// What would have made sense between `before` and `rest`.
fn expected(before: &str, rest: &str, failure: &Failure) -> String {
    use SelectorParseErrorKind as Kind;
    let found = match rest.chars().next() {
        None => "the end".to_owned(),
        Some(c) if c.is_alphanumeric() || "-_:.#[".contains(c) => {
            let end = rest
                .char_indices()
                .skip(1)
                .find(|&(at, c)| !(c.is_alphanumeric() || "-_".contains(c) || (c == ':' && at == 1)))
                .map_or(rest.len(), |(at, _)| at);
            format!("`{}`", &rest[..end])
        }
        Some(c) => format!("`{c}`"),
    };
    let wanted = match &failure.kind {
        ParseErrorKind::Custom(kind) => match kind {
            Kind::EmptySelector | Kind::DanglingCombinator => "an element, `*`, `.class`, `#id`, `[attribute]` or `:`",
            Kind::UnsupportedPseudoClassOrElement => {
                "a pseudo-class of CSS that a page at rest has, `::text` or `::attr(name)`"
            }
            Kind::ClassNeedsIdent => "a class name after `.`",
            Kind::NoQualifiedNameInAttributeSelector | Kind::InvalidQualNameInAttr | Kind::ExpectedBarInAttr => {
                "an attribute's name"
            }
            Kind::UnexpectedTokenInAttributeSelector => "`=`, `~=`, `|=`, `^=`, `$=`, `*=` or `]`",
            Kind::BadValueInAttr => "a value: a word, or a text in quotes",
            Kind::ExpectedNamespace => "no namespace",
            Kind::NoIdentForPseudo | Kind::PseudoElementExpectedIdent | Kind::PseudoElementExpectedColon => {
                "the name of a pseudo-class or pseudo-element"
            }
            Kind::UnexpectedIdent => "a word, or a text in quotes",
            Kind::NonCompoundSelector | Kind::InvalidState => ENDED,
            _ => "something else",
        },
        ParseErrorKind::Basic(BasicParseErrorKind::TooManyNestedBlocks) => "fewer brackets in brackets",
        ParseErrorKind::Basic(_) if rest.starts_with('.') => "a class name after `.`",
        ParseErrorKind::Basic(_) if rest.starts_with('#') => "an id after `#`",
        ParseErrorKind::Basic(_) if before.rsplit(',').next().is_some_and(|part| part.contains("::")) => ENDED,
        ParseErrorKind::Basic(_) => "an element, `.class`, `#id`, `[attribute]`, `:`, a combinator or a comma",
    };
    format!("expected {wanted}, found {found}")
}
