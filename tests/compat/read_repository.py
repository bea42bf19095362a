#!/usr/bin/python3
"""Restores a backup without spendsync-backup: a reader of repository format version 1, written from docs/format/ alone.

    read_repository.py REPOSITORY KEY_FILE CLUSTER                      lists the backups
    read_repository.py REPOSITORY KEY_FILE CLUSTER LABEL TARGET [--wal [FIRST..LAST]] [--tablespaces DIR]

REPOSITORY is the directory in which the object "repository" lies (a copy of the bucket's prefix). Written are
    TARGET                       the data directory, with backup_label and tablespace_map
    TARGET-tablespaces/<oid>     tablespaces (or below DIR), linked from TARGET/pg_tblspc
    TARGET.files/<set>           captured files, under their whole paths
    TARGET/pg_wal                with --wal: archived WAL too, from the backup's start or the segments FIRST to LAST
None of these may hold anything. Every frame is authenticated and every file's CRC-32C compared; the first thing that
is wrong ends the run with exit status 1, and TARGET/global/pg_control comes last, so nothing half done starts.
Needs Debian's python3-cryptography and python3-zstandard; python3-crcmod makes it many times faster.
"""
import argparse, grp, hashlib, hmac, json, os, pwd, re, struct, sys
from collections import OrderedDict
from pathlib import Path

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DATA, META = 1, 2  # key classes
DIRECTORY, FILE, SYMBOLIC_LINK, HARD_LINK = range(4)
FILE_WITHOUT_CRC = 4  # on storage
FRAME_MAX = 8 << 20
RECORD_MAX = 16 << 20  # of the file table


class Refused(Exception):
    """What is in the repository is damaged, forged, or not what was asked for."""


def check(condition, message):
    if not condition:
        raise Refused(message)


def hkdf(key, salt, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info.encode()).derive(key)


def parse_json(data, where):
    try:
        found = json.loads(data)
    except ValueError as error:
        raise Refused(f"{where}: no JSON: {error}") from error
    check(isinstance(found, dict), f"{where}: no JSON object")
    check(found.get("version", 1) == 1, f"{where}: format version {found.get('version')} is not known here")
    return found


try:
    import crcmod.predefined

    def new_crc32c():
        return crcmod.predefined.Crc("crc-32c")
except ImportError:
    CRC_TABLE = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        CRC_TABLE.append(n)

    class new_crc32c:
        crcValue = 0

        def update(self, data):
            crc = self.crcValue ^ 0xFFFFFFFF
            for byte in data:
                crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
            self.crcValue = crc ^ 0xFFFFFFFF


class Fields:
    """Reads one field after the other from bytes."""

    def __init__(self, data, where):
        self.data, self.at, self.where = data, 0, where

    def take(self, size):
        check(self.at + size <= len(self.data), f"{self.where}: it ends in the middle of a field")
        self.at += size
        return self.data[self.at - size : self.at]

    def unpack(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def varint(self):
        value = 0
        for n in range(10):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * n
            if byte < 0x80:
                return value
        raise Refused(f"{self.where}: a number is too long")

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def text(self):
        return self.take(self.varint())

    def length_of_next(self):
        """The length of the record that follows, None where not all of it is there."""
        for end in range(self.at, min(self.at + 10, len(self.data))):
            if self.data[end] < 0x80:
                size = self.varint()
                check(size <= RECORD_MAX, f"{self.where}: a record is too long")
                return size if self.at + size <= len(self.data) else None
        return None

    def string(self):  # of wrap objects
        return self.take(self.unpack("H")[0])


class Stream:
    """A sealed stream that begins where `file` stands (sealing.md)."""

    def __init__(self, cluster, file, object_type, key, key_class):
        self.file, self.key, self.number = file, key, 0
        header = file.read(96)
        check(len(header) == 96 and header[:8] == b"SSBSEAL1", f"{key}: no sealed stream")
        version, found_class = struct.unpack_from("<HB", header, 8)
        check(version == 1, f"{key}: format version {version} is not known here")
        check(header[11:16] == bytes(5), f"{key}: reserved bytes are set")
        check(found_class == key_class, f"{key}: sealed under a key of the wrong class")
        self.key_id = header[16:32].hex()
        okm = hkdf(cluster.data_key(self.key_id, key_class), header[32:64], "spendsync-backup/1/stream", 64)
        binding = b"spendsync-backup/1/binding\0" + header[:64] + cluster.repository_digest
        for text in (cluster.name, object_type, key):
            binding += struct.pack("<I", len(text.encode())) + text.encode()
        self.binding = hashlib.sha256(binding).digest()
        commitment = hmac.digest(okm[32:], self.binding, "sha256")
        check(hmac.compare_digest(commitment, header[64:]), f"{key}: it belongs to another place or another key")
        self.cipher = AESGCM(okm[:32])

    def frame(self):
        """The next frame's raw bytes, and whether it is the last one."""
        where = f"{self.key}, frame {self.number}"
        header = self.file.read(12)
        check(len(header) == 12, f"{where}: cut off")
        stored, raw, codec, flags, reserved = struct.unpack("<IIBBH", header)
        check(stored <= FRAME_MAX and raw <= FRAME_MAX and flags <= 1 and reserved == 0, f"{where}: bad header")
        sealed = self.file.read(stored + 16)
        check(len(sealed) == stored + 16, f"{where}: cut off")
        nonce = bytes(4) + struct.pack(">Q", self.number)
        try:
            content = self.cipher.decrypt(nonce, sealed, self.binding + struct.pack("<Q", self.number) + header)
        except InvalidTag:
            raise Refused(f"{where}: does not authenticate, it was changed") from None
        self.number += 1
        content = decompress(content, raw, codec, where)
        return content, flags == 1

    def frames(self):
        last = False
        while not last:
            content, last = self.frame()
            yield content


def decompress(content, raw, codec, where):
    check(codec in (0, 1), f"{where}: unknown codec {codec}")
    if codec == 1:
        try:
            check(zstandard.frame_content_size(content) in (raw, -1), f"{where}: wrong size")
            content = zstandard.ZstdDecompressor().decompress(content, max_output_size=raw)
        except zstandard.ZstdError as error:
            raise Refused(f"{where}: {error}") from error
    check(len(content) == raw, f"{where}: wrong size")
    return content


class Cluster:
    """One folder <cluster>/<system identifier> of a repository, and the keys that open it (repository.md, keys.md)."""

    def __init__(self, repository, key_file, name):
        self.root, self.name, self.data_keys = Path(repository), name, {}
        document = (self.root / "repository").read_bytes()
        self.repository_digest = hashlib.sha256(document).digest()
        described = parse_json(document, "repository")
        body = document[: document.rfind(b',"checksum"')]
        check(described.get("format") == "spendsync-backup", "repository: of another program")
        check(described.get("checksum") == hashlib.sha256(body).hexdigest(), "repository: damaged")
        self.repository_id = described["id"]
        self.secret = Path(key_file).read_bytes()
        check(len(self.secret) == 32, f"{key_file}: a key file has 32 bytes")

    def path(self, key):
        return self.root / key

    def names(self, folder):
        found = self.path(f"{self.name}/{folder}")
        return sorted(entry.name for entry in found.iterdir()) if found.is_dir() else []

    def data_key(self, key_id, key_class):
        if key_id not in self.data_keys:
            self.data_keys[key_id] = self.unwrap(key_id)
        found_class, key = self.data_keys[key_id]
        check(found_class == key_class, f"data key {key_id}: of the wrong class")
        return key

    def unwrap(self, key_id):
        own_id = hkdf(self.secret, None, "spendsync-backup/1/key-file/id", 8).hex()
        met = []
        for wrap_id in self.names(f"keys/{key_id}"):
            if self.path(f"{self.name}/tombstones/keys/{key_id}/{wrap_id}").exists():
                continue  # retired
            wrap = self.read_wrap(key_id, wrap_id)
            met.append(f"{wrap['type']} {wrap['wrapper']}")
            if (wrap["type"], wrap["wrapper"]) != ("key-file", own_id):
                continue
            wrapped = wrap["wrapped"]
            check(len(wrapped) == 80, f"data key {key_id}: bad wrap")
            key = hkdf(self.secret, wrapped[:32], "spendsync-backup/1/key-file/wrap", 32)
            try:
                return wrap["class"], AESGCM(key).decrypt(bytes(12), wrapped[32:], wrap["digest"])
            except InvalidTag:
                raise Refused(f"data key {key_id}: its wrap does not authenticate") from None
        raise Refused(f"data key {key_id}: not for this key file ({own_id}), but for {', '.join(met) or 'nobody'}")

    def read_wrap(self, key_id, wrap_id):
        where = f"{self.name}/keys/{key_id}/{wrap_id}"
        data = self.path(where).read_bytes()
        check(data[-32:] == hashlib.sha256(data[:-32]).digest(), f"{where}: damaged")
        fields = Fields(data[:-32], where)
        magic, version, key_class, reserved = fields.unpack("8sHBB")
        check((magic, version, reserved) == (b"SSBWRAP1", 1, 0), f"{where}: no wrap of a known version")
        found_id = fields.take(16).hex()
        fields.take(8)  # created
        kind, wrapper, repository, cluster = (fields.string().decode() for _ in range(4))
        digest = hashlib.sha256(data[: fields.at]).digest()
        here = (key_id, self.repository_id, self.name)
        check((found_id, repository, cluster) == here, f"{where}: copied from elsewhere")
        return {"type": kind, "wrapper": wrapper, "class": key_class, "digest": digest, "wrapped": fields.string()}

    def document_frames(self, object_type, key):
        with open(self.path(key), "rb") as file:
            yield from Stream(self, file, object_type, key, META).frames()
            check(not file.read(1), f"{key}: something follows its end")

    def document(self, object_type, key):
        return b"".join(self.document_frames(object_type, key))


class Run:
    """Frames of one pack that follow one another (packs.md)."""

    def __init__(self, fields):
        self.flags = fields.unpack("B")[0]
        check(self.flags <= 3, f"{fields.where}: unknown flags")
        self.pack, self.first, self.offset, raw, raw_last, count = (fields.varint() for _ in range(6))
        check(1 <= count <= 1 << 20, f"{fields.where}: a run of {count} frames")
        self.stored = [fields.varint() for _ in range(count)]
        self.raw = [raw] * (count - 1) + [raw_last]
        self.skip, self.length = 0, sum(self.raw)
        if self.flags & 2:
            self.skip, self.length = fields.varint(), fields.varint()
        check(self.skip + self.length <= sum(self.raw), f"{fields.where}: a run that says more than it has")


def read_runs(fields):
    return [Run(fields) for _ in range(fields.varint())]


class Backup:
    """A manifest and the packs that it names (manifest.md, packs.md)."""

    def __init__(self, cluster, label):
        self.cluster, self.label, self.base = cluster, label, None
        self.packs, self.streams, self.server_files = {}, {"files": [], "pages": []}, {}
        self.open_packs, self.recent = {}, OrderedDict()
        key = f"{cluster.name}/backups/{label}/manifest"
        frames = cluster.document_frames("manifest", key)
        self.summary = parse_json(next(frames), key)
        check(self.summary["label"] == label, f"{key}: of another backup")
        for frame in frames:
            self.add_to_body(parse_json(frame, key), key)
        check(len(self.packs) == self.summary["packs"], f"{key}: it does not list all packs")
        if self.summary["parent"]:
            self.base = Backup(cluster, self.summary["parent"])
            check(self.base.summary["parent"] is None, f"{key}: its full is an incremental")

    def add_to_body(self, part, key):
        if part["kind"] == "server-files":
            self.server_files = {name: bytes.fromhex(part[name]) for name in ("backup_label", "tablespace_map")}
        elif part["kind"] == "packs":
            for number, name, key_class, size, *_ in part["packs"]:
                check(re.fullmatch("[0-9a-f]{16}-[0-9]{6}", name), f"{key}: a pack with a strange name")
                self.packs[number] = (name, {"data": DATA, "meta": META}[key_class], size)
        elif part["kind"] == "stream":
            self.streams[part["name"]] += read_runs(Fields(bytes.fromhex(part["runs"]), key))

    def open_pack(self, number):
        if number not in self.open_packs:
            check(number in self.packs, f"{self.label}: pack {number} is not in the manifest")
            name, key_class, size = self.packs[number]
            key = f"{self.cluster.name}/backups/{self.label}/packs/{name}"
            while len(self.open_packs) >= 64:
                self.open_packs.pop(next(iter(self.open_packs))).file.close()
            file = open(self.cluster.path(key), "rb")
            check(os.fstat(file.fileno()).st_size == size, f"{key}: its size is not the manifest's")
            self.open_packs[number] = Stream(self.cluster, file, "pack", key, key_class)
        return self.open_packs[number]

    def pack_frame(self, pack, number, offset, stored, raw):
        if (pack, number) not in self.recent:
            stream = self.open_pack(pack)
            stream.file.seek(offset)
            stream.number = number
            content, last = stream.frame()
            check(not last and len(content) == raw and stream.file.tell() == offset + 28 + stored,
                  f"{stream.key}, frame {number}: not what the backup says of it")
            self.recent[pack, number] = content
            if len(self.recent) > 8:
                self.recent.popitem(last=False)
        return self.recent[pack, number]

    def content(self, runs):
        """The bytes that runs stand for, piece by piece."""
        for run in runs:
            holder = self.base if run.flags & 1 else self
            check(holder, f"{self.label}: a full that keeps content of another backup")
            begin, offset = 0, run.offset  # of the frame: in the run's raw bytes, in the pack
            for n, (stored, raw) in enumerate(zip(run.stored, run.raw)):
                start, end = max(run.skip - begin, 0), min(run.skip + run.length - begin, raw)
                if start < end:
                    yield holder.pack_frame(run.pack, run.first + n, offset, stored, raw)[start:end]
                begin, offset = begin + raw, offset + 28 + stored

    def entries(self):
        """The records of the file table."""
        pending, count = b"", 0
        for piece in self.content(self.streams["files"]):
            fields, done = Fields(pending + piece, f"{self.label}: the file table"), 0
            while (size := fields.length_of_next()) is not None:
                yield Entry(Fields(fields.take(size), f"{self.label}: record {count} of the file table"))
                count, done = count + 1, fields.at
            pending = fields.data[done:]
        check(not pending and count == self.summary["entries"], f"{self.label}: the file table is not whole")


class Entry:
    """A record of the file table (manifest.md)."""

    def __init__(self, fields):
        self.kind = fields.unpack("B")[0]
        self.crc_known = self.kind != FILE_WITHOUT_CRC
        self.kind = self.kind if self.crc_known else FILE
        check(self.kind <= HARD_LINK, f"{fields.where}: unknown kind {self.kind}")
        self.set, self.path = fields.varint(), fields.text()
        self.uid, self.gid, self.owner, self.group = fields.varint(), fields.varint(), fields.text(), fields.text()
        self.mode, self.mtime, self.size = fields.varint(), fields.zigzag(), fields.varint()
        self.crc32c, self.link = fields.unpack("I")[0], fields.text()
        self.attributes = [(fields.text(), fields.text()) for _ in range(fields.varint())]
        self.runs = read_runs(fields)
        if fields.varint():  # block hashes: only writers of incrementals want them
            fields.varint(), fields.varint()
        if fields.varint():  # identity: the same
            fields.varint()
        for _ in range(fields.varint()):  # bad blocks
            fields.varint()
        check(fields.at == len(fields.data), f"{fields.where}: something follows it")
        check_plain(self.path)
        check(sum(run.length for run in self.runs) == self.size, f"{fields.where}: content and size disagree")


def check_plain(path):
    """Only paths that stay below where they are put."""
    check(0 < len(path) <= 4096 and b"\0" not in path, f"the path {path!r} is refused")
    check(not {b"", b".", b".."} & set(path.split(b"/")), f"the path {path!r} is refused")


class Target:
    """Where a backup is written. Nothing there is trusted: no link is followed, nothing is overwritten."""

    def __init__(self, backup, target, tablespaces):
        self.backup, self.data = backup, os.path.abspath(os.fsencode(target))
        self.directories, self.hard_links, self.files, self.bytes, self.control = [], [], 0, 0, None
        root = os.path.abspath(os.fsencode(tablespaces)) if tablespaces else self.data + b"-tablespaces"
        self.tablespaces = {  # oid: where. A relative location is one in place, below pg_tblspc itself.
            b"%d" % int(space["oid"]): root + b"/%d" % int(space["oid"])
            for space in backup.summary["tablespaces"] if raw_path(space["location"]).startswith(b"/")}
        self.sets = {}
        for captured in backup.summary["captured_sets"]:
            name = captured["name"].encode()
            check_plain(name)
            check(b"/" not in name, f"the set's name {name!r} is refused")
            self.sets[captured["number"]] = self.data + b".files/" + name
        for place in (self.data, *self.tablespaces.values(), *self.sets.values()):
            os.makedirs(place, mode=0o700, exist_ok=True)
            check(not os.path.islink(place) and not os.listdir(place), f"{os.fsdecode(place)} is not empty")

    def write_all(self):
        for entry in self.backup.entries():
            if (entry.set, entry.path) == (0, b"global/pg_control"):
                self.control = entry
            else:
                self.write(entry)
        for entry, place in self.hard_links:
            self.link_again(entry, place)
        for oid, place in self.tablespaces.items():
            link = self.data + b"/pg_tblspc/" + oid
            self.make_parents(self.data, b"pg_tblspc/" + oid)
            os.symlink(place, link)
        backup_label = self.backup.server_files.get("backup_label")
        check(backup_label, "the manifest holds no backup_label")
        self.write_own("backup_label", backup_label)
        if self.tablespaces:  # the server makes its links anew from this, so it names the new places
            lines = [oid + b" " + place + b"\n" for oid, place in self.tablespaces.items()]
            self.write_own("tablespace_map", b"".join(lines))

    def finish(self):
        """After this the server can start."""
        check(self.control, "the backup has no global/pg_control")
        self.write(self.control)
        for entry, place in reversed(self.directories):
            set_status(entry, place)
        os.chmod(self.data, 0o700)
        os.sync()

    def place(self, entry_set, path):
        """The root that belongs to a path, and the path below it."""
        if entry_set != 0:
            check(entry_set in self.sets, f"{path!r} is of a set that the manifest does not name")
            return self.sets[entry_set], path
        parts = path.split(b"/")
        if parts[0] == b"pg_tblspc" and len(parts) > 1 and parts[1] in self.tablespaces:
            return self.tablespaces[parts[1]], b"/".join(parts[2:])
        return self.data, path

    def make_parents(self, root, path):
        place = root
        for part in path.split(b"/")[:-1]:
            place += b"/" + part
            try:
                os.mkdir(place, 0o700)
            except FileExistsError:
                check(os.path.isdir(place) and not os.path.islink(place), f"{place!r} leads elsewhere")

    def write(self, entry):
        root, path = self.place(entry.set, entry.path)
        if not path:
            return  # a tablespace's own directory, made already
        self.make_parents(root, path)
        place = root + b"/" + path
        if entry.kind == DIRECTORY:
            self.make_parents(root, path + b"/.")
            self.directories.append((entry, place))
        elif entry.kind == FILE:
            self.write_file(entry, place)
        elif entry.kind == HARD_LINK:
            check_plain(entry.link)
            self.hard_links.append((entry, place))
        else:
            check(entry.set != 0, f"the link {entry.path!r} is refused: in a data directory only tablespaces are links")
            os.symlink(entry.link, place)
            set_status(entry, place)

    def link_again(self, entry, place):
        root, first = self.place(entry.set, entry.link)
        self.make_parents(root, first)  # refuses a way through a link
        os.link(root + b"/" + first, place, follow_symlinks=False)

    def write_file(self, entry, place):
        crc = new_crc32c()
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            for piece in self.backup.content(entry.runs):
                crc.update(piece)
                file.write(piece)
        check(not entry.crc_known or crc.crcValue == entry.crc32c, f"{os.fsdecode(entry.path)}: its CRC-32C is not the file table's")
        set_status(entry, place)
        self.files, self.bytes = self.files + 1, self.bytes + entry.size

    def write_own(self, name, content):
        """A file of the data directory that is not in the file table; it takes the place of one that is."""
        place = self.data + b"/" + os.fsencode(name)
        self.make_parents(self.data, os.fsencode(name))
        if os.path.lexists(place):
            os.unlink(place)
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        set_owner(os.stat(self.data) if self.control is None else self.control, place)


def raw_path(path):
    return bytes.fromhex(path["hex"]) if isinstance(path, dict) else path.encode()


def set_status(entry, place):
    set_owner(entry, place)
    link = os.path.islink(place)
    for name, value in entry.attributes:
        try:
            os.setxattr(place, name, value, follow_symlinks=not link)
        except OSError as error:
            print(f"note: {os.fsdecode(place)}: attribute {os.fsdecode(name)} is not set: {error.strerror}")
    if not link:
        os.chmod(place, entry.mode)
    os.utime(place, ns=(entry.mtime, entry.mtime), follow_symlinks=False)


def set_owner(entry, place):
    """Only root can give files away. The names decide, the numbers where this host does not know the names."""
    if os.geteuid() != 0 or not isinstance(entry, Entry):
        return
    try:
        uid = pwd.getpwnam(entry.owner.decode()).pw_uid
    except (KeyError, ValueError):
        uid = entry.uid
    try:
        gid = grp.getgrnam(entry.group.decode()).gr_gid
    except (KeyError, ValueError):
        gid = entry.gid
    os.chown(place, uid, gid, follow_symlinks=False)


class WalArchive:
    """Segments, parts and history files (wal.md)."""

    def __init__(self, cluster):
        self.cluster = cluster
        identity = parse_json(cluster.document("identity", f"{cluster.name}/identity"), "identity")
        self.segment_size = identity["wal_segment_size"]

    def read(self, object_type, key):
        with open(self.cluster.path(key), "rb") as file:
            meta = Stream(self.cluster, file, object_type, key, META)
            described = parse_json(b"".join(meta.frames()), key)
            map_size = described.get("change_map", 0)  # only writers of incrementals want it
            check(len(file.read(map_size)) == map_size, f"{key}: cut off")
            content = b"".join(Stream(self.cluster, file, object_type, key, DATA).frames())
            check(not file.read(1), f"{key}: something follows its end")
        secret = hkdf(self.cluster.data_key(meta.key_id, META), None, "spendsync-backup/1/derive/content mac", 32)
        digest = hmac.digest(secret, content, "sha256").hex()
        check(len(content) == described["size"] and digest == described["hmac"], f"{key}: not the content it names")
        return content

    def segment(self, name, present):
        """The segment's bytes, filled up with zeros. Of incomplete copies the one that says most."""
        folder = f"{self.cluster.name}/wal/{name[:8]}"
        if name in present:
            return self.read("wal", f"{folder}/{name}")
        found = self.join_parts(f"wal/{name[:8]}/{name}.part")
        if name + ".partial" in present:
            partial = self.read("wal-file", f"{folder}/{name}.partial")
            found = max(found, partial, key=lambda content: len(content.rstrip(b"\0")))
        return found.ljust(self.segment_size, b"\0")

    def join_parts(self, folder):
        content = b""
        for part in self.cluster.names(folder):  # sorted by where they begin
            begin, end = (int(number, 16) for number in part.split("-"))
            if begin <= len(content) < end:
                content += self.read("wal-part", f"{self.cluster.name}/{folder}/{part}")[len(content) - begin :]
        return content

    def write_into(self, target, first, last):
        count = 0
        for timeline in self.cluster.names("wal"):
            present = set(self.cluster.names(f"wal/{timeline}"))
            if "history" in present:
                key = f"{self.cluster.name}/wal/{timeline}/history"
                target.write_own(f"pg_wal/{timeline}.history", self.cluster.document("history", key))
            for name in sorted({name[:24] for name in present if re.match("[0-9A-F]{24}($|[.]part)", name)}):
                if timeline >= first[:8] and name[8:] >= first[8:] and (not last or name <= last):
                    target.write_own(f"pg_wal/{name}", self.segment(name, present))
                    count += 1
        return count

    def first_of(self, summary):
        """The segment with a backup's start."""
        high, low = (int(half, 16) for half in summary["start_lsn"].split("/"))
        number, each = (high << 32 | low) // self.segment_size, (1 << 32) // self.segment_size
        return f"{int(summary['timeline']):08X}{number // each:08X}{number % each:08X}"


def find_clusters(arguments):
    """Every system identifier's folder of the cluster; there is more than one after a rebuild."""
    folder = Path(arguments.repository) / arguments.cluster
    check(folder.is_dir(), f"the repository has no cluster {arguments.cluster}")
    for found in sorted(folder.iterdir()):
        if (found / "identity").is_file():
            yield Cluster(arguments.repository, arguments.key_file, f"{arguments.cluster}/{found.name}")


def list_backups(arguments):
    for cluster in find_clusters(arguments):
        for label in cluster.names("backups"):
            key = f"{cluster.name}/backups/{label}/manifest"
            if cluster.path(key).is_file():
                summary = parse_json(next(cluster.document_frames("manifest", key)), key)
                print(f"{label}  PostgreSQL {summary['server_version']}  {summary['source_bytes']} bytes"
                      f"  stopped {summary['stopped']} at {summary['stop_lsn']}  system {cluster.name.split('/')[1]}")


def restore(arguments):
    label = arguments.label
    having = [c for c in find_clusters(arguments) if c.path(f"{c.name}/backups/{label}/manifest").is_file()]
    check(having, f"there is no backup {label} of {arguments.cluster}")
    backup = Backup(having[0], label)
    target = Target(backup, arguments.target, arguments.tablespaces)
    target.write_all()
    count = None
    if arguments.wal is not None:
        archive = WalArchive(having[0])
        first, _, last = arguments.wal.partition("..")
        count = archive.write_into(target, first or archive.first_of(backup.summary), last)
    target.finish()
    print(f"restored {label}: {target.files} files, {target.bytes} bytes, all authenticated, every CRC-32C right")
    print(f"  data directory   {os.fsdecode(target.data)} (PostgreSQL {backup.summary['server_version']})")
    for place in [*target.tablespaces.values(), *target.sets.values()]:
        print(f"  beside it        {os.fsdecode(place)}")
    for reason in backup.summary["incomplete"]:
        print(f"  NOT INSIDE       {reason}")
    print(f"  archived WAL     {'none decoded' if count is None else f'{count} segments in pg_wal'}")
    print(f"next: pg_ctl start -D {os.fsdecode(target.data)}   # replays the WAL in pg_wal to its end")
    print("      or, to choose a moment: move pg_wal's files to a folder, touch recovery.signal, and set"
          " restore_command = 'cp FOLDER/%f %p' and recovery_target_time")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1], description="Reads a backup repository.")
    for name in ("repository", "key_file", "cluster"):
        parser.add_argument(name)
    parser.add_argument("label", nargs="?")
    parser.add_argument("target", nargs="?")
    parser.add_argument("--wal", nargs="?", const="..")
    parser.add_argument("--tablespaces")
    arguments = parser.parse_args()
    try:
        if not arguments.label:
            list_backups(arguments)
        elif not arguments.target:
            parser.error("a target directory is missing")
        else:
            restore(arguments)
    except (Refused, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
