//! A backup is taken while the server is busy; what is restored from it is a beginning of what the
//! server has, whole and in order.

use std::fs;

use serde_json::json;

use crate::harness::{
    Login, Peer, Server, Store, Visitor, images,
    load::{Load, Said},
    within,
};

#[tokio::test]
async fn a_backup_under_load_is_a_whole_beginning() {
    let settings = [("PARLOR_LIMITS__PUBLISH_PER_S", "0")];
    let server = Server::with(Store::Sqlite, &settings).await;
    let visitors = [Visitor::to(&server), Visitor::to(&server)];
    let host = &visitors[0];
    let room = host.lasting_room().await;
    let mut camera = Peer::connect(&server, &Login::v5("camera")).await;
    assert_eq!(camera.publish(&format!("chat/{room}"), images::gif()).await, 0);
    let mut load = Load::start(&server, &visitors, &room).await;
    let mut said = Said::default();
    let mut taken = Vec::new();
    for number in 0..3 {
        load.acknowledges(100, &mut said).await;
        let before = said.acknowledged.len();
        let file = server.home().join(format!("backup {number}.tar"));
        let backup = server.command().arg("backup").arg(&file).output();
        let (backup, going) =
            tokio::join!(within("the backup", backup), load.acknowledges(20, &mut said));
        let backup = backup.unwrap();
        assert!(backup.status.success() && going, "{}", String::from_utf8_lossy(&backup.stderr));
        taken.push((file, before));
    }
    let said = load.ends(said).await;
    assert!(said.in_doubt.is_empty(), "{:?}", said.in_doubt);
    let whole = host.whole_log(&room).await;

    for (file, before) in taken {
        let mut restored = Server::with(Store::Sqlite, &settings).await;
        assert!(restored.stop().await.success());
        fs::remove_dir_all(restored.data()).unwrap();
        let restore = restored.command().arg("restore").arg(&file).output().await.unwrap();
        assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
        restored.again().await;
        let log = Visitor::to(&restored).whole_log(&room).await;
        assert_eq!(log[..], whole[..log.len()], "a beginning, numbered as it was");
        assert!(log.len() > before, "{} of at least {before}", log.len());
        let gif = log[0]["gif"].as_str().unwrap();
        let image = Visitor::to(&restored).get(&format!("/gif/{gif}")).await;
        assert_eq!(image.bytes().await.unwrap(), images::gif());
        // It goes on where it was.
        let next = Visitor::to(&restored).say(&room, "and on").await;
        assert_eq!(next["seq"], json!(log.len() + 1));
    }
}
