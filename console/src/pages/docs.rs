//! `/docs`: the API as `/openapi.json` describes it, as one plain page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::shell::Frame;
use super::{now, render};

/// The methods an address may have, in the order they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'a> {
    frame: Frame,
    about: &'a str,
    groups: &'a [Group],
    shapes: &'a [Shape],
}

/// What the page shows: worked out once.
#[derive(Clone, Debug)]
pub(crate) struct Docs {
    about: String,
    groups: Vec<Group>,
    shapes: Vec<Shape>,
}

#[derive(Clone, Debug)]
struct Group {
    name: String,
    deeds: Vec<Deed>,
}

/// One method of one address.
#[derive(Clone, Debug)]
struct Deed {
    method: String,
    path: String,
    summary: String,
    needs: String,
    parameters: Vec<Part>,
    body: Option<String>,
    answers: Vec<Part>,
}

/// A named part with words.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    kind: String,
    words: String,
}

/// An object that is sent or answered.
#[derive(Clone, Debug)]
struct Shape {
    name: String,
    words: String,
    fields: Vec<Part>,
}

impl Docs {
    /// The page for a description.
    pub(crate) fn of(described: &OpenApi) -> Self {
        let all = serde_json::to_value(described).unwrap_or_default();
        let mut groups: Vec<Group> = Vec::new();
        for (path, methods) in all["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let Some(deed) = methods.get(method) else { continue };
                let name = text(&deed["tags"][0]);
                let deed = Deed::new(method, path, deed);
                match groups.iter_mut().find(|group| group.name == name) {
                    Some(group) => group.deeds.push(deed),
                    None => groups.push(Group { name, deeds: vec![deed] }),
                }
            }
        }
        let shapes = all["components"]["schemas"].as_object().into_iter().flatten();
        let shapes = shapes.filter(|(_, shape)| shape["properties"].is_object()).map(|(name, shape)| Shape {
            name: name.clone(),
            words: text(&shape["description"]),
            fields: fields(shape),
        });
        Self { about: text(&all["info"]["description"]), groups, shapes: shapes.collect() }
    }

    /// Answers `/docs`.
    pub(crate) fn show(&self) -> Response {
        let Self { about, groups, shapes } = self;
        render(StatusCode::OK, &DocsPage { frame: Frame::new(now()), about, groups, shapes })
    }
}

impl Deed {
    fn new(method: &str, path: &str, deed: &Value) -> Self {
        let ways = deed["security"].as_array().into_iter().flatten();
        let needs: Vec<String> = ways.filter_map(|way| way.as_object()?.keys().next().cloned()).collect();
        let parameter = |part: &Value| Part {
            name: text(&part["name"]),
            kind: format!("{}, {}", text(&part["in"]), kind(&part["schema"])),
            words: text(&part["description"]),
        };
        let answer = |(status, answer): (&String, &Value)| Part {
            name: status.clone(),
            kind: content(&answer["content"]).unwrap_or_default(),
            words: text(&answer["description"]),
        };
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: [text(&deed["summary"]), text(&deed["description"])].join(" "),
            needs: if needs.is_empty() { "nothing".to_owned() } else { needs.join(" or ") },
            parameters: deed["parameters"].as_array().into_iter().flatten().map(parameter).collect(),
            body: content(&deed["requestBody"]["content"]),
            answers: deed["responses"].as_object().into_iter().flatten().map(answer).collect(),
        }
    }
}

fn fields(shape: &Value) -> Vec<Part> {
    let required: Vec<String> = shape["required"].as_array().into_iter().flatten().map(text).collect();
    let fields = shape["properties"].as_object().into_iter().flatten();
    let part = |(name, field): (&String, &Value)| {
        let optional = if required.contains(name) { "" } else { ", optional" };
        Part {
            name: name.clone(),
            kind: format!("{}{optional}", kind(field)),
            words: text(&field["description"]),
        }
    };
    fields.map(part).collect()
}

fn content(content: &Value) -> Option<String> {
    content.as_object()?.values().next().map(|of| kind(&of["schema"]))
}

/// What a schema is, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or(name).to_owned();
    }
    if schema["items"].is_object() {
        return format!("list of {}", kind(&schema["items"]));
    }
    match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => {
            let either = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
            let kinds: Vec<String> = either.into_iter().flatten().map(kind).collect();
            if kinds.is_empty() { "any".to_owned() } else { kinds.join(" or ") }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
