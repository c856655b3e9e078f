//! Finding a widget in a frame of another site, behind closed shadow roots, without a script in the page: the protocol's DOM
//! domain sees through both.

use serde::Deserialize;
use serde_json::{Value, json};
use silkroute_browser::cdp::{CdpSession, RawCommand};
use silkroute_browser::{Deadline, Error, Point, Result, Tab, TargetKind};

/// A frame of the page.
pub(super) struct Frame {
    /// What speaks of its inside: a session of its own for a frame of another site.
    session: CdpSession,
    /// Whether it has one.
    apart: bool,
    id: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Tree {
    frame: FrameInfo,
    child_frames: Vec<Tree>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FrameInfo {
    id: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameTree {
    frame_tree: Tree,
}

/// A node of the DOM domain, as far as it matters.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Node {
    backend_node_id: i64,
    node_name: String,
    attributes: Vec<String>,
    children: Vec<Node>,
    shadow_roots: Vec<Node>,
    content_document: Option<Box<Node>>,
    frame_id: Option<String>,
}

impl Node {
    fn attribute(&self, name: &str) -> Option<&str> {
        let mut pairs = self.attributes.chunks_exact(2);
        pairs.find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
    }

    fn is_checkbox(&self) -> bool {
        self.node_name.eq_ignore_ascii_case("input") && self.attribute("type") == Some("checkbox")
    }

    /// Depth first, without a call for each level: a page decides how deep it is.
    fn find(&self, wanted: impl Fn(&Self) -> bool) -> Option<&Self> {
        let mut open = vec![self];
        while let Some(node) = open.pop() {
            if wanted(node) {
                return Some(node);
            }
            let inner = node.content_document.as_deref().into_iter();
            open.extend(node.children.iter().chain(&node.shadow_roots).chain(inner));
        }
        None
    }
}

#[derive(Deserialize)]
struct Root {
    root: Node,
}

#[derive(Deserialize)]
struct Boxed {
    model: BoxModel,
}

#[derive(Deserialize)]
struct BoxModel {
    /// Four corners, clockwise from the upper left one.
    content: [f64; 8],
}

impl BoxModel {
    fn corner(&self) -> Point {
        Point {
            x: self.content[0],
            y: self.content[1],
        }
    }

    fn middle(&self) -> Point {
        Point {
            x: (self.content[0] + self.content[4]) / 2.0,
            y: (self.content[1] + self.content[5]) / 2.0,
        }
    }
}

/// The first frame of the page whose URL is wanted.
pub(super) async fn frame(tab: &Tab, wanted: impl Fn(&str) -> bool, deadline: Deadline) -> Result<Option<Frame>> {
    let page = tab.session();
    if let Some(id) = within(page, &wanted, deadline).await? {
        return Ok(Some(Frame {
            session: page.clone(),
            apart: false,
            id,
        }));
    }
    for child in page.children() {
        if child.target().kind() != TargetKind::Frame {
            continue;
        }
        match within(&child, &wanted, deadline).await {
            Ok(Some(id)) => {
                return Ok(Some(Frame {
                    session: child,
                    apart: true,
                    id,
                }));
            }
            // It may have gone in between.
            Ok(None) | Err(Error::Gone { .. } | Error::Protocol { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

async fn within(session: &CdpSession, wanted: &impl Fn(&str) -> bool, deadline: Deadline) -> Result<Option<String>> {
    let tree: FrameTree = session
        .send_as(RawCommand::new("Page.getFrameTree", json!({}))?, deadline)
        .await?;
    let mut open = vec![&tree.frame_tree];
    while let Some(tree) = open.pop() {
        if wanted(&tree.frame.url) {
            return Ok(Some(tree.frame.id.clone()));
        }
        open.extend(&tree.child_frames);
    }
    Ok(None)
}

impl Frame {
    /// The middle of its first checkbox, in the coordinates of the page, scrolled to; `None` while there is none.
    pub(super) async fn checkbox(&self, tab: &Tab, deadline: Deadline) -> Result<Option<Point>> {
        let whole = json!({"depth": -1, "pierce": true});
        let Root { root } = self
            .session
            .send_as(RawCommand::new("DOM.getDocument", whole)?, deadline)
            .await?;
        let inside = if self.apart {
            Some(&root)
        } else {
            root.find(|node| node.frame_id.as_deref() == Some(&self.id) && node.content_document.is_some())
                .and_then(|node| node.content_document.as_deref())
        };
        let Some(found) = inside.and_then(|inside| inside.find(Node::is_checkbox)) else {
            return Ok(None);
        };
        let place = json!({"backendNodeId": found.backend_node_id});
        if !self.apart {
            scroll_to(&self.session, place.clone(), deadline).await?;
            return Ok(box_of(&self.session, place, deadline)
                .await?
                .map(|model| model.middle()));
        }
        let owner: Value = tab
            .session()
            .send_as(
                RawCommand::new("DOM.getFrameOwner", json!({"frameId": self.id}))?,
                deadline,
            )
            .await?;
        let owner = json!({"backendNodeId": owner["backendNodeId"]});
        scroll_to(tab.session(), owner.clone(), deadline).await?;
        let (Some(outer), Some(inner)) = (
            box_of(tab.session(), owner, deadline).await?,
            box_of(&self.session, place, deadline).await?,
        ) else {
            return Ok(None);
        };
        let (corner, middle) = (outer.corner(), inner.middle());
        Ok(Some(Point {
            x: corner.x + middle.x,
            y: corner.y + middle.y,
        }))
    }
}

async fn scroll_to(session: &CdpSession, node: Value, deadline: Deadline) -> Result<()> {
    let command = RawCommand::new("DOM.scrollIntoViewIfNeeded", node)?;
    match session.send(command, deadline).await {
        // What has no box cannot be scrolled to, and cannot be clicked either.
        Ok(_) | Err(Error::Protocol { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The box of a node; `None` where it has none yet.
async fn box_of(session: &CdpSession, node: Value, deadline: Deadline) -> Result<Option<BoxModel>> {
    let command = RawCommand::new("DOM.getBoxModel", node)?;
    match session.send_as::<Boxed>(command, deadline).await {
        Ok(boxed) => Ok(Some(boxed.model)),
        Err(Error::Protocol { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkbox_is_found_behind_shadow_roots_and_in_frames() {
        let tree = json!({"root": {"nodeName": "#document", "children": [{"nodeName": "DIV", "shadowRoots": [
            {"nodeName": "#document-fragment", "children": [{"nodeName": "IFRAME", "frameId": "F", "contentDocument":
                {"nodeName": "#document", "children": [
                    {"nodeName": "INPUT", "attributes": ["type", "text"], "backendNodeId": 1},
                    {"nodeName": "INPUT", "attributes": ["class", "x", "type", "checkbox"], "backendNodeId": 7},
                ]},
            }]},
        ]}]}});
        let Root { root } = serde_json::from_value(tree).unwrap();
        assert_eq!(root.find(Node::is_checkbox).unwrap().backend_node_id, 7);
        assert!(root.find(|node| node.frame_id.as_deref() == Some("G")).is_none());
    }

    #[test]
    fn the_middle_of_a_box_lies_between_its_corners() {
        let model = BoxModel {
            content: [10.0, 20.0, 34.0, 20.0, 34.0, 44.0, 10.0, 44.0],
        };
        assert_eq!(model.middle(), Point { x: 22.0, y: 32.0 });
        assert_eq!(model.corner(), Point { x: 10.0, y: 20.0 });
    }
}
