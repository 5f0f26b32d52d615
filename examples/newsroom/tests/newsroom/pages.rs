//! The pages, as a browser would ask for them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use image::{ImageFormat, RgbImage};
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

use crate::{Home, Running};

struct Site {
    address: String,
    client: Client,
    process: Running,
    _home: Home,
}

impl Site {
    fn start(home: Home) -> Self {
        let mut process = home.newsroom().args(["--port", "0"]).stderr(Stdio::piped()).spawn().unwrap();
        let address = address(&mut process);
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { address, client, process: Running(process), _home: home }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.client.get(format!("{}{path}", self.address)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn page(&self, path: &str) -> String {
        let (status, page) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        page
    }

    async fn publish(&self, title: &str, picture: Vec<u8>) -> (StatusCode, String) {
        let form = Form::new()
            .text("title", title.to_owned())
            .text("author", "A. Tester")
            .text("body", "First paragraph about quincunxes.\r\n\r\nSecond paragraph.")
            .part("picture", Part::bytes(picture).file_name("picture.png"));
        let response = self.client.post(format!("{}/publish", self.address)).multipart(form).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn withdraw(&self, slug: &str) -> StatusCode {
        let path = format!("{}/articles/{slug}/withdraw", self.address);
        self.client.post(path).send().await.unwrap().status()
    }

    /// Waits until the status page has nothing unfinished to show.
    async fn idle(&self) -> String {
        loop {
            let status = self.page("/status").await;
            if !status.contains("http-equiv=\"refresh\"") {
                return status;
            }
        }
    }
}

/// Where the process says that its pages are. Whatever else it says is read too, or it would wait for somebody to do so.
pub(crate) fn address(process: &mut Child) -> String {
    let mut errors = BufReader::new(process.stderr.take().unwrap()).lines();
    let said = errors.find_map(|line| Some(line.unwrap().split_once(" is at ")?.1.to_owned())).unwrap();
    std::thread::spawn(move || errors.for_each(drop));
    said
}

fn png() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(60, 40, image::Rgb([180, 60, 40])).write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

#[tokio::test]
async fn articles_can_be_read_searched_and_published() {
    read_search_and_publish(Home::on_sqlite()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test runs it"]
async fn articles_can_be_read_searched_and_published_on_postgresql() {
    read_search_and_publish(Home::on_postgres()).await;
}

async fn read_search_and_publish(home: Home) {
    let site = Site::start(home);
    let status = site.idle().await;
    assert!(status.contains("newsroom.call_webhook") && status.contains("503 Service Unavailable"), "{status}");

    let front = site.page("/").await;
    assert!(front.contains("/articles/harbour-light-burns-again"));
    assert!(front.contains("/thumbnails/harbour-light-burns-again.jpg"));
    let found = site.page("/?q=telescope").await;
    assert!(found.contains("<mark>") && found.contains("/articles/observatory-opens-on-fridays"), "{found}");
    for nonsense in ["%22%20OR%20(%20zzyzx*", "'%20%7C%20!zzyzx%3A%5C", "%00zzyzx"] {
        assert!(site.page(&format!("/?q={nonsense}")).await.contains("No articles"), "{nonsense}");
    }

    let (answer, _) = site.publish("A <b>bold</b> & new thing", png()).await;
    assert_eq!(answer, StatusCode::SEE_OTHER);
    site.idle().await;
    let article = site.page("/articles/a-b-bold-b-new-thing").await;
    assert!(article.contains("Second paragraph."));
    assert!(!article.contains("<b>bold"), "what people write is shown as text: {article}");
    assert!(article.contains("newsroom.email_subscribers") && article.contains("succeeded"));
    assert!(site.page("/?q=quincunx").await.contains("/articles/a-b-bold-b-new-thing"));
    let (answer, page) = site.publish("A bold new thing", png()).await;
    assert_eq!((answer, page), (StatusCode::SEE_OTHER, String::new()));
    let (answer, page) = site.publish("A bold new thing", png()).await;
    assert_eq!(answer, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("There is an article of this title already"), "{page}");
    assert_eq!(site.get("/thumbnails/a-b-bold-b-new-thing.jpg").await.0, StatusCode::OK);

    let picture = article.split_once("src=\"/pictures/").unwrap().1.split_once('"').unwrap().0;
    let picture = format!("/pictures/{picture}");
    assert_eq!(site.get(&picture).await.0, StatusCode::OK);
    assert_eq!(site.withdraw("a-b-bold-b-new-thing").await, StatusCode::SEE_OTHER);
    assert!(site.idle().await.contains("newsroom.forget_article"));
    for gone in ["/articles/a-b-bold-b-new-thing", "/thumbnails/a-b-bold-b-new-thing.jpg", &picture] {
        assert_eq!(site.get(gone).await.0, StatusCode::NOT_FOUND, "{gone}");
    }
    assert!(!site.page("/?q=quincunx").await.contains("/articles/a-b-bold-b-new-thing"));
    assert_eq!(site.withdraw("a-b-bold-b-new-thing").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_published_is_explained_and_what_was_typed_is_kept() {
    let site = Site::start(Home::on_sqlite());
    let (answer, page) = site.publish("Nonsense", b"this is no picture".to_vec()).await;
    assert_eq!(answer, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("The picture is neither a PNG nor a JPEG."), "{page}");
    assert!(page.contains("value=\"Nonsense\"") && page.contains("Second paragraph."), "{page}");
    let (answer, page) = site.publish("  ", png()).await;
    assert_eq!(answer, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("The title is missing."), "{page}");
    site.idle().await;
    let (answer, page) = site.publish("Harbour light burns again", png()).await;
    assert_eq!(answer, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("There is an article of this title already"), "{page}");
}

#[tokio::test]
async fn pages_and_files_that_are_not_there_are_not_found() {
    let site = Site::start(Home::on_sqlite());
    for path in [
        "/nowhere",
        "/articles/nothing",
        "/pictures/none.png",
        "/pictures/..%2fnewsroom.db",
        "/thumbnails/%2e%2e/newsroom.db",
    ] {
        assert_eq!(site.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_clean_stop_ends_with_0() {
    let mut site = Site::start(Home::on_sqlite());
    site.idle().await;
    let stopped = std::process::Command::new("kill").arg(site.process.0.id().to_string()).status().unwrap();
    assert!(stopped.success());
    let ended = tokio::task::spawn_blocking(move || site.process.0.wait().unwrap()).await.unwrap();
    assert!(ended.success(), "{ended}");
}
