//! `parlor backup FILE` and `parlor restore FILE`: the embedded store and its images as one tar
//! file. A backup may be taken while the server runs; a restore needs an empty data folder.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::lock;
use crate::{
    chat::ImageName,
    config::Config,
    store::{self, StoreError},
};

/// The first entry: what this is, and of which version.
const LABEL: (&str, &str) = ("parlor-backup", "1\n");
const STORE: &str = "parlor.db";
const IMAGES: &str = "uploads";

/// Why nothing was backed up or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("only the embedded store is backed up here: for MongoDB use mongodump")]
    NotEmbedded,
    #[error("{} is there already: give another name, or move it away", .0.display())]
    InTheWay(PathBuf),
    #[error("{} is not a backup of this version of Parlor", .0.display())]
    NotABackup(PathBuf),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let what = path.display().to_string();
    move |source| BackupError::Io { what, source }
}

/// Writes everything into `file`, which must not exist: first under a temporary name, so that what
/// bears the name is whole. Blocks on the disk.
pub fn backup(config: &Config, file: &Path) -> Result<(), BackupError> {
    let database = database(config)?;
    if file.exists() {
        return Err(BackupError::InTheWay(file.to_owned()));
    }
    let (part, snapshot) = (beside(file, "part"), beside(file, "part.db"));
    let written = write(config, &database, &snapshot, &part);
    let kept = written.and_then(|()| fs::rename(&part, file).map_err(at(file)));
    for rest in [&snapshot, &part] {
        if let Err(error) = fs::remove_file(rest)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = %rest.display(), "a temporary file stays");
        }
    }
    kept
}

fn write(
    config: &Config,
    database: &Path,
    snapshot: &Path,
    part: &Path,
) -> Result<(), BackupError> {
    // The store before the images: every image that the snapshot names is then on disk.
    store::snapshot(database, snapshot)?;
    let mut archive = tar::Builder::new(File::create_new(part).map_err(at(part))?);
    let mut header = tar::Header::new_gnu();
    header.set_size(LABEL.1.len() as u64);
    header.set_mode(0o600);
    let label = archive.append_data(&mut header, LABEL.0, LABEL.1.as_bytes());
    label.and_then(|()| archive.append_path_with_name(snapshot, STORE)).map_err(at(part))?;
    for (name, path) in images(&config.uploads.dir)? {
        match archive.append_path_with_name(&path, format!("{IMAGES}/{name}")) {
            // Its room was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome.map_err(at(&path))?,
        }
    }
    let file = archive.into_inner().map_err(at(part))?;
    file.sync_all().map_err(at(part))
}

/// Puts a backup in place of nothing: refused when the data folder has a store, or is in use.
pub fn restore(config: &Config, file: &Path) -> Result<(), BackupError> {
    let database = database(config)?;
    let dir = &config.server.data_dir;
    let _lock = lock::lock(dir).map_err(at(dir))?;
    if database.exists() {
        return Err(BackupError::InTheWay(database));
    }
    let mut archive = tar::Archive::new(File::open(file).map_err(at(file))?);
    let mut entries = archive.entries().map_err(at(file))?;
    let not_a_backup = || BackupError::NotABackup(file.to_owned());
    let mut label = entries.next().ok_or_else(not_a_backup)?.map_err(|_| not_a_backup())?;
    let text = io::read_to_string(&mut label).map_err(|_| not_a_backup())?;
    if label.path().map_err(at(file))?.as_ref() != Path::new(LABEL.0) || text != LABEL.1 {
        return Err(not_a_backup());
    }
    // Under another name until it is whole and understood.
    let part = beside(&database, "restored");
    for entry in entries {
        let mut entry = entry.map_err(at(file))?;
        let name = entry.path().map_err(at(file))?.into_owned();
        if name == Path::new(STORE) {
            unpack(&mut entry, &part)?;
        } else if let Some(path) = image_path(&name, &config.uploads.dir) {
            unpack(&mut entry, &path)?;
        } else {
            return Err(not_a_backup());
        }
    }
    store::check(&part)?;
    fs::rename(&part, &database).map_err(at(&database))
}

fn unpack(entry: &mut impl io::Read, path: &Path) -> Result<(), BackupError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(at(folder))?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(at(path))?;
    io::copy(entry, &mut file).and_then(|_| file.sync_all()).map_err(at(path))
}

fn database(config: &Config) -> Result<PathBuf, BackupError> {
    store::file(config.store.uri.reveal(), &config.server.data_dir)?.ok_or(BackupError::NotEmbedded)
}

/// Every image as `<room>/<file>`, with its path.
fn images(dir: &Path) -> Result<Vec<(String, PathBuf)>, BackupError> {
    let mut found = Vec::new();
    let Ok(rooms) = fs::read_dir(dir) else { return Ok(found) };
    for room in rooms {
        let folder = room.map_err(at(dir))?.path();
        let Ok(files) = fs::read_dir(&folder) else { continue };
        for file in files {
            let path = file.map_err(at(&folder))?.path();
            let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
            if is_image(&name) {
                found.push((name, path));
            }
        }
    }
    Ok(found)
}

/// `<room>/<id>.<ending>` and nothing else: a name in an archive reaches no other place.
fn is_image(name: &str) -> bool {
    name.replacen('/', "-", 1).parse::<ImageName>().is_ok()
}

fn image_path(name: &Path, dir: &Path) -> Option<PathBuf> {
    let own = name.strip_prefix(IMAGES).ok()?.to_str()?;
    is_image(own).then(|| dir.join(own))
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::{Colour, Moment, Room, RoomId, Uid},
        config::Secret,
    };

    fn config(dir: &Path) -> Config {
        let mut config = Config::default();
        config.server.data_dir = dir.join("data");
        config.uploads.dir = dir.join("uploads");
        config
    }

    async fn with_a_room(dir: &Path) -> Config {
        let config = config(dir);
        let store = store::open("sqlite:", &config.server.data_dir).await.unwrap();
        let room = Room {
            id: RoomId::from_entropy([1; 12]),
            title: "kept".into(),
            max: 2,
            owner: Uid::from_entropy([1; 16]),
            owner_colour: Colour::from_hash(1),
            password: None,
            off_record: false,
            keep: true,
            created_at: Moment::from_millis(0),
        };
        store.create(&room).await.unwrap();
        let image = config.uploads.dir.join(room.id.as_str()).join("22222222222222222222.gif");
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        fs::write(image, "GIF89a").unwrap();
        // The store stays open: a backup is taken while the server runs.
        std::mem::forget(store);
        config
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_backup_of_a_running_store_restores_to_the_same() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config_here = with_a_room(here.path()).await;
        let file = here.path().join("backup.tar");
        backup(&config_here, &file).unwrap();
        assert!(matches!(backup(&config_here, &file), Err(BackupError::InTheWay(_))));
        assert_eq!(fs::read_dir(here.path()).unwrap().count(), 3, "nothing temporary stays");

        let config_there = config(there.path());
        restore(&config_there, &file).unwrap();
        let store = store::open("sqlite:", &config_there.server.data_dir).await.unwrap();
        assert_eq!(store.rooms().await.unwrap()[0].room.title, "kept");
        let image = config_there.uploads.dir.join("111111111111/22222222222222222222.gif");
        assert_eq!(fs::read_to_string(image).unwrap(), "GIF89a");
        let again = restore(&config_there, &file);
        assert!(matches!(again, Err(BackupError::InTheWay(_))));
    }

    #[test]
    fn what_is_no_backup_is_refused_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (file, config) = (dir.path().join("x.tar"), config(dir.path()));
        fs::write(&file, "not a tar file at all").unwrap();
        assert!(matches!(restore(&config, &file), Err(BackupError::NotABackup(_))));
        assert!(!config.server.data_dir.join(STORE).exists());
    }

    #[test]
    fn a_name_in_an_archive_reaches_no_other_place() {
        let dir = Path::new("up");
        for name in ["uploads/../x.gif", "/etc/passwd", "uploads/111111111111/../../x", "x"] {
            assert_eq!(image_path(Path::new(name), dir), None, "{name}");
        }
        let good = "uploads/111111111111/22222222222222222222.gif";
        assert!(image_path(Path::new(good), dir).is_some());
    }

    #[test]
    fn a_server_store_is_not_backed_up_here() {
        let mut config = Config::default();
        config.store.uri = Secret::new("mongodb://127.0.0.1/x");
        assert!(matches!(backup(&config, Path::new("x")), Err(BackupError::NotEmbedded)));
    }
}
