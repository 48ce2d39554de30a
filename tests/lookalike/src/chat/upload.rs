//! Uploaded files, with their bytes.
//!
//! All uploads together are bounded: the oldest give way to the newest, so that a long-running
//! demo or bench cannot fill the memory.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::random;

/// Bytes of all uploads together.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// A file somebody uploaded.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
    /// The room it was uploaded to.
    pub(crate) room: String,
    /// Who uploaded it.
    pub(crate) user_id: String,
    /// Whether a message shows it: only then others than the uploader may confirm it no more.
    pub(crate) confirmed: bool,
}

impl Upload {
    pub(crate) fn new(room: &str, user_id: &str, name: &str, content_type: &str) -> Self {
        Self {
            id: random::id(),
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            bytes: Bytes::new(),
            room: room.to_owned(),
            user_id: user_id.to_owned(),
            confirmed: false,
        }
    }

    /// Path of the file, below the server's root.
    pub(crate) fn path(&self) -> String {
        format!("/file-upload/{}/{}", self.id, encoded(&self.name))
    }

    /// The `file` of a message.
    pub(crate) fn to_json(&self) -> Value {
        json!({"_id": self.id, "name": self.name, "type": self.content_type, "size": self.bytes.len()})
    }

    /// The `attachments` of the message that shows it.
    pub(crate) fn attachments(&self, description: &str) -> Value {
        let mut attachment = json!({
            "title": self.name, "title_link": self.path(), "title_link_download": true,
            "type": "file", "fileId": self.id, "size": self.bytes.len(),
        });
        if !description.is_empty() {
            attachment["description"] = description.into();
        }
        if self.content_type.starts_with("image/") {
            attachment["image_url"] = self.path().into();
            attachment["image_type"] = self.content_type.clone().into();
            attachment["image_size"] = self.bytes.len().into();
        }
        json!([attachment])
    }
}

/// Files by id, within a bound of bytes.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    files: VecDeque<Upload>,
    bytes: usize,
}

impl Uploads {
    /// Keeps a file, at the cost of the oldest ones where there is no room left.
    pub(crate) fn keep(&mut self, upload: Upload) {
        self.bytes += upload.bytes.len();
        self.files.push_back(upload);
        while self.bytes > MOST_BYTES {
            let Some(oldest) = self.files.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes.len();
        }
    }

    /// A file by id.
    pub(crate) fn find(&self, id: &str) -> Option<&Upload> {
        self.files.iter().find(|upload| upload.id == id)
    }

    /// Marks a file as shown; the file, unless it was marked before or is not the user's own.
    pub(crate) fn confirm(&mut self, id: &str, user_id: &str) -> Option<Upload> {
        let upload = self
            .files
            .iter_mut()
            .find(|upload| upload.id == id && upload.user_id == user_id && !upload.confirmed)?;
        upload.confirmed = true;
        Some(upload.clone())
    }
}

/// A file name as one path segment.
pub(crate) fn encoded(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: usize) -> Upload {
        Upload {
            bytes: Bytes::from(vec![0; size]),
            ..Upload::new("r", "u", "a b.png", "image/png")
        }
    }

    #[test]
    fn the_oldest_files_give_way() {
        let mut uploads = Uploads::default();
        let (first, second) = (file(MOST_BYTES), file(1));
        let (first_id, second_id) = (first.id.clone(), second.id.clone());
        uploads.keep(first);
        uploads.keep(second);
        assert!(uploads.find(&first_id).is_none());
        assert!(uploads.find(&second_id).is_some());
    }

    #[test]
    fn only_the_uploader_confirms_and_only_once() {
        let mut uploads = Uploads::default();
        let upload = file(1);
        let id = upload.id.clone();
        uploads.keep(upload);
        assert!(uploads.confirm(&id, "other").is_none());
        assert!(uploads.confirm(&id, "u").is_some());
        assert!(uploads.confirm(&id, "u").is_none());
    }

    #[test]
    fn names_are_one_path_segment() {
        assert_eq!(encoded("a b/ü.png"), "a%20b%2F%C3%BC.png");
        assert!(file(1).path().ends_with("/a%20b.png"));
    }
}
