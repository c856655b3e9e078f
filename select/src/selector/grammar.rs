//! What may stand in a selector here, besides what CSS itself says.

use std::borrow::Cow;
use std::fmt;

use cssparser::{CowRcStr, ParseError, Parser as Input, ToCss};
use html5ever::{LocalName, Namespace};
use precomputed_hash::PrecomputedHash;
use selectors::parser::{self, ParseRelative, SelectorImpl, SelectorList, SelectorParseErrorKind};

use super::has::{Has, Memos};

/// The rules by which selectors are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grammar {
    /// Inside `:has()`, which holds neither itself nor a pseudo-element.
    pub(crate) in_has: bool,
}

/// The types that selectors are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Css;

impl SelectorImpl for Css {
    type ExtraMatchingData<'a> = Memos;
    type AttrValue = CssText;
    type Identifier = CssName;
    type LocalName = CssName;
    type NamespaceUrl = Namespace;
    type NamespacePrefix = CssName;
    type BorrowedNamespaceUrl = Namespace;
    type BorrowedLocalName = CssName;
    type NonTSPseudoClass = PseudoClass;
    type PseudoElement = PseudoElement;
}

/// The value in `[name=value]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CssText(Box<str>);

impl From<&str> for CssText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl AsRef<str> for CssText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl ToCss for CssText {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        cssparser::serialize_string(&self.0, out)
    }
}

/// The name of an element or attribute, an id or a class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CssName(pub(crate) LocalName);

impl From<&str> for CssName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl ToCss for CssName {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        cssparser::serialize_identifier(&self.0, out)
    }
}

impl PrecomputedHash for CssName {
    fn precomputed_hash(&self) -> u32 {
        self.0.precomputed_hash()
    }
}

/// What of a match is wanted, other than the element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PseudoElement {
    /// `::text`
    Text,
    /// `::attr(name)`: the name as written, and in lower case.
    Attribute(LocalName, LocalName),
}

impl parser::PseudoElement for PseudoElement {}

impl ToCss for PseudoElement {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        match self {
            Self::Text => out.write_str("::text"),
            Self::Attribute(name, _) => write!(out, "::attr({name})"),
        }
    }
}

/// Classes of elements that do not follow from the tree alone, and `:has()`, which must not recurse as the tree does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PseudoClass {
    /// `:contains("text")`
    Contains(Box<str>),
    Has(Box<Has>),
    Checked,
    Disabled,
    Enabled,
    Link,
}

impl parser::NonTSPseudoClass for PseudoClass {
    fn is_active_or_hover(&self) -> bool {
        false
    }

    fn is_user_action_state(&self) -> bool {
        false
    }
}

impl ToCss for PseudoClass {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        match self {
            Self::Contains(text) => {
                out.write_str(":contains(")?;
                cssparser::serialize_string(text, out)?;
                out.write_str(")")
            }
            Self::Has(has) => {
                out.write_str(":has(")?;
                has.selectors.to_css(out)?;
                out.write_str(")")
            }
            Self::Checked => out.write_str(":checked"),
            Self::Disabled => out.write_str(":disabled"),
            Self::Enabled => out.write_str(":enabled"),
            Self::Link => out.write_str(":any-link"),
        }
    }
}

type Failure = ParseError<SelectorParseErrorKind>;

fn unsupported() -> Failure {
    ParseError::custom(SelectorParseErrorKind::UnsupportedPseudoClassOrElement)
}

impl<'i> parser::Parser<'i> for Grammar {
    type Impl = Css;
    type Error = SelectorParseErrorKind;

    fn parse_is_and_where(&self) -> bool {
        true
    }

    fn parse_nth_child_of(&self) -> bool {
        true
    }

    fn allow_forgiving_selectors(&self) -> bool {
        // A part that is skipped in silence is a field that stays empty without a reason.
        false
    }

    fn parse_non_ts_pseudo_class(&self, name: &str) -> Result<PseudoClass, Failure> {
        match lower(name).as_ref() {
            "checked" => Ok(PseudoClass::Checked),
            "disabled" => Ok(PseudoClass::Disabled),
            "enabled" => Ok(PseudoClass::Enabled),
            "link" | "any-link" => Ok(PseudoClass::Link),
            _ => Err(unsupported()),
        }
    }

    fn parse_non_ts_functional_pseudo_class(
        &self,
        name: &str,
        input: &mut Input<'i>,
        _after_part: bool,
    ) -> Result<PseudoClass, Failure> {
        match lower(name).as_ref() {
            "contains" => Ok(PseudoClass::Contains(argument(input)?.as_ref().into())),
            "has" if !self.in_has => {
                let selectors = SelectorList::parse(&Self { in_has: true }, input, ParseRelative::ForHas)?;
                Ok(PseudoClass::Has(Box::new(Has::new(selectors))))
            }
            _ => Err(unsupported()),
        }
    }

    fn parse_pseudo_element(&self, name: &str) -> Result<PseudoElement, Failure> {
        if self.in_has || !name.eq_ignore_ascii_case("text") {
            return Err(unsupported());
        }
        Ok(PseudoElement::Text)
    }

    fn parse_functional_pseudo_element(&self, name: &str, input: &mut Input<'i>) -> Result<PseudoElement, Failure> {
        if self.in_has || !name.eq_ignore_ascii_case("attr") {
            return Err(unsupported());
        }
        let name = argument(input)?;
        Ok(PseudoElement::Attribute(name.as_ref().into(), lower(&name).into()))
    }
}

fn argument<'i>(input: &mut Input<'i>) -> Result<CowRcStr<'i>, Failure> {
    let argument = input
        .expect_ident_or_string()
        .cloned()
        .map_err(|_| ParseError::custom(SelectorParseErrorKind::UnexpectedIdent))?;
    input.expect_exhausted()?;
    Ok(argument)
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}
