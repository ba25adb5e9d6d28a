// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MountTest {
  // A machine's own mountinfo with what people mount below it.
  private static final String MOUNTINFO =
      """
      22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro
      23 22 0:21 / /proc rw,nosuid shared:12 - proc proc rw
      24 22 0:24 / /run rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,size=812744k,mode=755
      60 22 8:17 / /srv rw,noatime shared:30 master:2 - xfs /dev/sdb1 rw,attr2,noquota
      61 60 0:50 / /srv/nfs rw,relatime shared:31 - nfs4 filer:/audit rw,vers=4.2,hard,local_lock=none
      62 61 8:33 /sub /srv/nfs/local rw - ext4 /dev/sdc1 rw
      63 22 0:51 / /mnt/with\\040space\\134and\\011tab rw - cifs //win/share rw,vers=3.1.1,nobrl
      64 22 0:52 /trails /mnt/bind rw - nfs filer:/audit rw,vers=3,nolock,local_lock=all
      65 22 0:53 / /mnt/twice rw - nfs4 filer:/a rw
      66 65 8:49 / /mnt/twice rw - ext4 /dev/sdd1 rw
      67 22 0:54 / /hid/under rw - nfs4 filer:/b rw
      68 22 8:65 / /hid rw - ext4 /dev/sde1 rw
      69 22 0:55 / /mnt/ssh rw - fuse.sshfs me@there:/x rw,user_id=0
      70 22 0:56 / /home rw - autofs systemd-1 rw,fd=51
      71 70 0:57 / /home/a rw - 9p hostshare rw,trans=virtio
      """;

  @ParameterizedTest
  @CsvSource({
    "/var/lib/audit,/,ext4",
    "/,/,ext4",
    "/srv/x,/srv,xfs",
    "/srvx,/,ext4",
    "/srv/nfs,/srv/nfs,nfs4",
    "/srv/nfs/a/b,/srv/nfs,nfs4",
    "/srv/nfsx,/srv,xfs",
    "/srv/nfs/local/a,/srv/nfs/local,ext4",
    "/mnt/bind/a,/mnt/bind,nfs",
    "/mnt/twice/a,/mnt/twice,ext4",
    "/hid/under/a,/hid,ext4",
    "/mnt/ssh,/mnt/ssh,fuse.sshfs",
    "/home/a/trails,/home/a,9p",
    "/home/b,/home,autofs"
  })
  void mount_isTheOneThatIsSeenAtThePath(String path, String point, String type) {
    Mount mount = Mount.of(Path.of(path), MOUNTINFO).orElseThrow();
    assertThat(mount.point()).isEqualTo(point);
    assertThat(mount.type()).isEqualTo(type);
  }

  @Test
  void mount_unescapesPointAndSource() {
    Mount mount = Mount.of(Path.of("/mnt/with space\\and\ttab/x"), MOUNTINFO).orElseThrow();
    assertThat(mount.point()).isEqualTo("/mnt/with space\\and\ttab");
    assertThat(mount.source()).isEqualTo("//win/share");
    assertThat(mount.options()).contains("rw", "vers=3.1.1", "nobrl");
  }

  @Test
  void mount_ofATreeCutOffIsTheLongestAndLast() {
    String cut =
        """
        61 60 0:50 / /srv rw - ext4 /dev/a rw
        63 60 0:50 / /srv/x rw - nfs4 filer:/a rw
        64 60 0:51 / /srv/x rw - xfs /dev/b rw
        half a line
        """;
    assertThat(Mount.of(Path.of("/srv/x/y"), cut).orElseThrow().type()).isEqualTo("xfs");
    assertThat(Mount.of(Path.of("/elsewhere"), cut)).isEmpty();
  }

  @Test
  void mount_ofThisMachineIsFound(@org.junit.jupiter.api.io.TempDir Path here) throws Exception {
    assertThat(Mount.of(here.toRealPath())).isPresent();
    assertThat(Mount.of(Path.of("/proc/self")).orElseThrow().type()).isEqualTo("proc");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "fuse",
        "fuse.sshfs",
        "fuse.s3fs",
        "ceph",
        "glusterfs",
        "fuse.glusterfs",
        "lustre",
        "afs",
        "virtiofs"
      })
  void root_onANetworkFileSystemNeedsTheAdministratorsWord(String type) {
    Mount mount = mount(type, "rw,hard,local_lock=none");
    assertThatThrownBy(() -> config("false").checkMount(Path.of("/srv/x"), mount))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("root")
        .hasMessageContaining("/srv/x")
        .hasMessageContaining("mount point /srv, type " + type)
        .hasMessageContaining("'sync'")
        .hasMessageContaining("local disk")
        .hasMessageContaining("root.network=true");
    config("true").checkMount(Path.of("/srv/x"), mount);
  }

  @ParameterizedTest
  @CsvSource({
    "nfs,nolock",
    "nfs,local_lock=all",
    "nfs4,local_lock=posix",
    "cifs,nobrl",
    "smb3,nostrictsync",
    "lustre,localflock",
    "lustre,noflock"
  })
  void root_withoutTheServersLocksIsRefusedWhateverIsSaid(String type, String option) {
    Mount mount = mount(type, "rw,hard," + option);
    for (String network : new String[] {"false", "true"}) {
      assertThatThrownBy(() -> config(network).checkMount(Path.of("/srv/x"), mount))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("'" + option + "'")
          .hasMessageContaining("type " + type)
          .hasMessageContaining("Mount it without");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuseblk", "f2fs"})
  void root_onALocalDiskIsTaken(String type) {
    config("false").checkMount(Path.of("/srv/x"), mount(type, "rw"));
  }

  private static Mount mount(String type, String options) {
    String line = "22 1 8:2 / / rw - ext4 /dev/sda rw\n";
    line += "23 22 0:60 / /srv rw - " + type + " filer:/a " + options + "\n";
    return Mount.of(Path.of("/srv/x"), line).orElseThrow();
  }

  private static TrailSinkConfig config(String network) {
    Map<String, String> settings = new HashMap<>();
    settings.put("root", "/srv/x");
    settings.put("root.network", network);
    return new TrailSinkConfig(settings);
  }
}
