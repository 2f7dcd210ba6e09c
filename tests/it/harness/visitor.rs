//! Somebody who speaks HTTP: a browser's cookie jar, or a program without one.

use std::{net::IpAddr, sync::Arc};

use reqwest::{
    Client, Method, RequestBuilder, Response,
    cookie::{CookieStore, Jar},
    header, redirect,
};
use serde_json::{Value, json};

use super::Server;

/// How a browser asks.
const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[derive(Clone)]
pub struct Visitor {
    client: Client,
    jar: Arc<Jar>,
    origin: String,
}

impl Visitor {
    pub fn to(server: &Server) -> Self {
        Self::from([127, 0, 0, 1], server)
    }

    /// From another address of this machine.
    pub fn from(address: [u8; 4], server: &Server) -> Self {
        let jar = Arc::new(Jar::default());
        let client = Client::builder().cookie_provider(Arc::clone(&jar));
        let client = client.local_address(IpAddr::from(address));
        let client = client.redirect(redirect::Policy::none()).build().unwrap();
        Self { client, jar, origin: server.url("") }
    }

    /// A request that says nothing of what it wants to read.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.origin))
    }

    /// As a program asks: for JSON.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header(header::ACCEPT, "application/json")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.ask(Method::POST, path).json(&body).send().await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.ask(Method::DELETE, path).send().await.unwrap()
    }

    /// As a browser asks, in a language.
    pub async fn page(&self, path: &str, language: &str) -> Response {
        let request = self.request(Method::GET, path).header(header::ACCEPT, PAGE);
        request.header(header::ACCEPT_LANGUAGE, language).send().await.unwrap()
    }

    /// As a page's form is sent.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.request(Method::POST, path).header(header::ACCEPT, PAGE);
        let request = request.header(header::ORIGIN, &self.origin);
        request.form(fields).send().await.unwrap()
    }

    /// Makes a room and gives its card; what `wish` does not say is as in the form.
    pub async fn create(&self, mut wish: Value) -> Value {
        for (field, usual) in [("title", json!("a room")), ("max", json!(10))] {
            wish.as_object_mut().unwrap().entry(field).or_insert(usual);
        }
        let response = self.post("/room", wish).await;
        assert_eq!(response.status(), 201);
        response.json().await.unwrap()
    }

    /// Makes a room that stays when nobody is in it, and gives its id.
    pub async fn lasting_room(&self) -> String {
        id_of(&self.create(json!({"keep": true})).await)
    }

    /// Says something and gives the event.
    pub async fn say(&self, room: &str, chat: &str) -> Value {
        let response = self.post(&format!("/room/{room}/chat"), json!({"chat": chat})).await;
        assert_eq!(response.status(), 201, "{chat}");
        response.json().await.unwrap()
    }

    /// The newest page of a room's log.
    pub async fn log(&self, room: &str) -> Vec<Value> {
        let response = self.get(&format!("/room/{room}/chats")).await;
        assert_eq!(response.status(), 200);
        let page: Value = response.json().await.unwrap();
        page["chats"].as_array().unwrap().clone()
    }

    /// A room's whole log, page by page.
    pub async fn whole_log(&self, room: &str) -> Vec<Value> {
        let mut log: Vec<Value> = Vec::new();
        loop {
            let after = log.last().map_or(0, |event| event["seq"].as_u64().unwrap());
            let page = self.get(&format!("/room/{room}/chats?after={after}")).await;
            assert_eq!(page.status(), 200);
            let page: Value = page.json().await.unwrap();
            match page["chats"].as_array().unwrap().as_slice() {
                [] => return log,
                more => log.extend_from_slice(more),
            }
        }
    }

    /// What people said, of the newest page.
    pub async fn chats(&self, room: &str) -> Vec<Value> {
        let mut log = self.log(room).await;
        log.retain(|event| event["type"] == "chat");
        log
    }

    /// Who is in the room.
    pub async fn occupants(&self, room: &str) -> Vec<Value> {
        let answer: Value =
            self.get(&format!("/room/{room}/occupants")).await.json().await.unwrap();
        answer["occupants"].as_array().or(answer.as_array()).unwrap().clone()
    }

    /// The `Cookie` header that this visitor's WebSockets carry; asks the lobby for one at need.
    pub async fn cookie(&self) -> String {
        let url = self.origin.parse().unwrap();
        if self.jar.cookies(&url).is_none() {
            self.page("/", "en").await;
        }
        self.jar.cookies(&url).expect("a cookie").to_str().unwrap().to_owned()
    }
}

pub fn id_of(card: &Value) -> String {
    card["id"].as_str().unwrap().to_owned()
}

/// The texts of events, in their order.
pub fn texts(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["chat"].as_str()).collect()
}
