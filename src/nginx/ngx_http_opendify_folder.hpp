// The files of the folder that keeps conversations: names, locks, reading.

#ifndef NGX_HTTP_OPENDIFY_FOLDER_HPP
#define NGX_HTTP_OPENDIFY_FOLDER_HPP

#include "ngx_http_opendify_persist.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <vector>

namespace opendify::glue {

// What work in one piece takes: nginx's own clock stands still meanwhile.
class Stopwatch {
public:
    ngx_msec_t elapsed_ms() const
    {
        return static_cast<ngx_msec_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(
                Clock::now() - begin_).count());
    }

private:
    using Clock = std::chrono::steady_clock;

    Clock::time_point begin_ = Clock::now();
};

// A descriptor that is closed.
class File {
public:
    explicit File(int fd = -1) : fd_(fd) {}
    ~File() { close(); }

    File(File &&other) noexcept : fd_(other.release()) {}

    File &operator=(File &&other) noexcept
    {
        close();
        fd_ = other.release();
        return *this;
    }

    int get() const { return fd_; }
    bool ok() const { return fd_ != -1; }
    int release() { return std::exchange(fd_, -1); }
    void close();

private:
    int fd_;
};

enum class FileKind { snapshot, journal, lock, unfinished };

struct StoredFile {
    FileKind      kind;
    std::uint64_t family;
    std::uint32_t generation;
    std::string   path;
};

struct StoredFamily {
    std::vector<StoredFile> files;
    std::string             lock;  // path, or empty
};

using StoredFamilies = std::map<std::uint64_t, StoredFamily>;

// False if the folder cannot be read; errno says why.
bool list_folder(const PersistConf *conf, StoredFamilies &families);

std::string folder_path(const PersistConf *conf);  // ends in a slash
std::string family_path(const PersistConf *conf, std::uint64_t family,
                        const char *suffix);
std::string generation_path(const PersistConf *conf, std::uint64_t family,
                            std::uint32_t generation, const char *suffix);

// A new file that only we may read. Not ok: errno says why.
File create_file(const std::string &path, int flags);

// All of it, or errno says why not.
bool write_all(int fd, std::string_view bytes);

// Not one of the pipes and links that somebody may have put there. To read.
File open_regular(const std::string &path);

// Locks the folder for this master and the binaries that it starts. -1 with
// errno EWOULDBLOCK if another has it.
int lock_folder(const PersistConf *conf);

// The same lock, for another configuration of this process; or -1.
int share_folder(int fd);

// The last one of a process and its children gives up the lock.
void release_folder(int fd);

// No process of that family is left.
bool is_dead(const StoredFamily &family);

enum class Header { ours, empty, cut, foreign };

Header read_header(const std::string &path, JournalHeader &header);

// What is not needed any more, but for what another version may be able to
// read.
void remove_family(const StoredFamily &family);
void remove_older(const StoredFamily &family, std::uint32_t generation);

using RecordSink = std::function<void(const JournalRecord &)>;

// One warning in the log if not all of it is good. False if the file is not
// ours.
bool read_file(const StoredFile &file, JournalHeader &header, ngx_log_t *log,
               const RecordSink &sink);

// Snapshots, newest first, until one is ours. False if there is none.
bool read_snapshot(const StoredFamily &family, JournalHeader &header,
                   ngx_log_t *log, const RecordSink &sink);

// Of the journals from the header's generation on, in the order of the
// changes. The zone's earliest birth rises to what they know of it.
std::vector<JournalRecord> read_journals(const StoredFamily &family,
                                         JournalHeader &header,
                                         ngx_log_t *log);

// All that a family has left: a snapshot, perhaps, and the changes since.
struct FamilyContents {
    bool                          has_snapshot = false;
    JournalHeader                 header;
    std::deque<ConversationEntry> entries;
    std::vector<JournalRecord>    records;
};

// Times are told by the clock as it was last. `newest_s`, the newest time that
// is known, rises with what is read.
FamilyContents read_family(const StoredFamily &family, std::uint32_t &newest_s,
                           ngx_log_t *log);

void apply(const PersistConf *conf, const JournalRecord &record);

// What one line of files knows of the others.
struct Lineage {
    std::uint64_t family;
    std::uint64_t parent;
    std::uint64_t parent_order;
    std::uint32_t floor_s;
};

// Adds to the map what another family did that ours does not know.
void merge_family(const PersistConf *conf, const Lineage &ours,
                  std::uint64_t number, const StoredFamily &family,
                  ngx_log_t *log);

}  // namespace opendify::glue

#endif
