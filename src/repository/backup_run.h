// A backup while it is being made: from its first object to the commit of its manifest (docs/format/repository.md).
#pragma once

#include <memory>
#include <stop_token>

#include "repository/file_table.h"
#include "repository/frame_writer.h"
#include "repository/interrupted_run.h"
#include "repository/manifest.h"
#include "repository/page_hash.h"

namespace spendsync::repository {

/// Order of what it makes: keys, `started`, (for an incremental the mark at its full), packs, manifest. Killed at any
/// point it leaves objects that nothing lists and that expiry collects; the manifest alone makes the backup exist.
///
/// Memory, whatever the size of the cluster: per worker one FrameWriter; two more for the file table and the page
/// hashes with 1 MiB each; at most `workers` + finishers packs that wait to be finished, each of which a streaming
/// store holds no more than its own parts of; 64 bytes a pack for the list that goes into the manifest.
class BackupRun {
 public:
  struct Settings {
    BackupType type = BackupType::full;
    unsigned workers = 1;    // FrameWriters that will be open at once
    unsigned finishers = 2;  // threads that finish packs: durable writes, last parts of uploads
    Compressor::Settings compression;
    uint64_t pack_size = 64u << 20;  // bytes; a pack is closed by the frame that reaches it
    std::string host;
    std::string tool_version;
    std::optional<Label> parent;     // incremental: its full
    std::optional<LockDomain> lock;  // where others can see whether this run lives
    /// RestoreRules are held to: what a restore would refuse is not committed. Off only in tests, which need backups
    /// that a restore refuses, or that are none.
    bool must_be_restorable = true;
  };

  /// Takes a free label: the second of the clock, or the next one that is free.
  /// Errors: refused for an incremental whose full is expiring or has no manifest; those of keys and store.
  static Result<std::unique_ptr<BackupRun>> begin(Repository& repository, Settings settings, std::stop_token stop);
  /// Takes an unfinished run up again under its label, with a run id and a data key of its own: frames whose content
  /// the interrupted run has sent are used where they lie, everything else is sent. The caller knows that nothing else
  /// works on that label; where it is mistaken, one of the two fails to commit.
  /// Errors: invalid for a label of another type; those of keys and store.
  static Result<std::unique_ptr<BackupRun>> resume(Repository& repository, Settings settings,
                                                   InterruptedRun interrupted, std::stop_token stop);
  /// Without commit: abandons. Stops and joins the finishers.
  ~BackupRun();
  BackupRun(const BackupRun&) = delete;
  BackupRun& operator=(const BackupRun&) = delete;

  const Label& label() const;
  /// Keyed hashes under this run's meta key. Thread-safe.
  const PageHasher& page_hasher() const;

  /// A writer for one worker. Thread-safe. It must not outlive the run.
  Result<std::unique_ptr<FrameWriter>> frame_writer();

  /// The keyed hashes of a file's blocks, in order; empty: none are kept.
  struct Hashes {
    std::span<const Hash128> of_blocks;
    uint32_t block_size = 0;  // bytes
  };
  /// Adds an entry to the file table, and the hashes to the stream `pages`; fills entry.block_hashes itself.
  /// Thread-safe. Entries may come in any order, but a directory before what it holds reads best.
  /// Errors: refused for an entry that a restore would refuse.
  Result<void> add_file(FileEntry entry, const Hashes& hashes);
  Result<void> add_file(FileEntry entry) { return add_file(std::move(entry), Hashes()); }

  struct Progress {
    uint64_t packs_finished = 0;
    uint64_t stored_bytes = 0;  // of finished packs
    uint64_t reused_bytes = 0;  // stored bytes of frames that an interrupted run had sent
  };
  /// Thread-safe.
  Progress progress() const;

  /// What the caller hands over at commit beside the summary, byte for byte.
  struct ServerFiles {
    std::string backup_label;
    std::string tablespace_map;
  };
  /// Finishes all packs, compares what the store lists with what was sent, extends the chain, and puts the manifest.
  /// Returns the summary as it was written. All FrameWriters must have been finished.
  /// Errors: refused for what a restore would refuse (RestoreRules); corrupt when a pack is missing in the store or has
  /// another size; conflict when expiry has collected this
  /// run (a tombstone stands at the manifest's key) or its full; those of the store. Nothing is listed then.
  Result<ManifestSummary> commit(ManifestSummary summary, ServerFiles files);

  /// Stops all work and leaves what is stored to expiry. Lists nothing.
  void abandon();

 private:
  struct State;
  explicit BackupRun(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace spendsync::repository
