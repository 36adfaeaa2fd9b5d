#include "ngx_http_opendify_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace opendify::glue {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;

// Reads hexadecimal digits of a fixed number.
bool take_hex(std::string_view &text, std::size_t digits, std::uint64_t &to)
{
    if (text.size() < digits) {
        return false;
    }

    to = 0;

    for (char c : text.substr(0, digits)) {
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                           : -1;
        if (digit == -1) {
            return false;
        }

        to = to << 4 | static_cast<std::uint64_t>(digit);
    }

    text.remove_prefix(digits);

    return true;
}

bool take_char(std::string_view &text, char c)
{
    bool found = !text.empty() && text[0] == c;

    text.remove_prefix(found ? 1 : 0);

    return found;
}

bool parse_name(std::string_view name, StoredFile &file)
{
    std::uint64_t number;

    if (!take_hex(name, 16, file.family)) {
        return false;
    }

    file.generation = 0;
    file.kind = FileKind::lock;

    if (name == ".lock") {
        return true;
    }

    if (!take_char(name, '-') || !take_hex(name, 8, number)) {
        return false;
    }

    file.generation = static_cast<std::uint32_t>(number);
    file.kind = FileKind::snapshot;

    if (name == ".snapshot") {
        return true;
    }

    file.kind = FileKind::unfinished;

    if (name == ".unfinished") {
        return true;
    }

    file.kind = FileKind::journal;

    return take_char(name, '-') && take_hex(name, 8, number)
           && take_char(name, '-') && take_hex(name, 2, number)
           && name == ".journal";
}

std::string hex(std::uint64_t number, int digits)
{
    std::string text;

    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        text += "0123456789abcdef"[number >> shift & 0xf];
    }

    return text;
}

Header read_header(int fd, JournalHeader &header)
{
    JournalHeaderBytes bytes;
    ssize_t            n = pread(fd, bytes.data(), bytes.size(), 0);

    if (n >= 0 && n < static_cast<ssize_t>(bytes.size())) {
        return n == 0 ? Header::empty : Header::cut;
    }

    return n > 0 && decode({bytes.data(), bytes.size()}, header)
               ? Header::ours
               : Header::foreign;
}

void warn_if_damaged(const StoredFile &file, const JournalReader &reader,
                     bool read_whole, ngx_log_t *log)
{
    bool cut = reader.is_torn()
               || (file.kind == FileKind::snapshot && !reader.is_complete());

    if (reader.damaged() != 0 || cut || !read_whole) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "opendify: \"%s\" is damaged: %uz conversations were "
                      "read, %uz could not be%s",
                      file.path.c_str(), reader.records(), reader.damaged(),
                      read_whole && !cut ? "" : ", its end is missing");
    }
}

// Not what another version may be able to read.
void remove_file(const StoredFile &file)
{
    JournalHeader header;

    if (file.kind == FileKind::unfinished
        || glue::read_header(file.path, header) != Header::foreign)
    {
        unlink(file.path.c_str());
    }
}

}  // namespace

void File::close()
{
    if (fd_ != -1) {
        ::close(std::exchange(fd_, -1));
    }
}

std::string folder_path(const PersistConf *conf)
{
    return std::string(view(conf->path)) + "/";
}

File open_regular(const std::string &path)
{
    struct stat info;
    File        file(open(path.c_str(),
                          O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));

    if (file.ok() && (fstat(file.get(), &info) == -1 || !S_ISREG(info.st_mode)))
    {
        file.close();
        ngx_set_errno(EINVAL);
    }

    return file;
}

bool list_folder(const PersistConf *conf, StoredFamilies &families)
{
    std::unique_ptr<DIR, int (*)(DIR *)> dir(
        opendir(folder_path(conf).c_str()), closedir);

    if (dir == nullptr) {
        return false;
    }

    while (auto *entry = readdir(dir.get())) {
        StoredFile file;

        if (!parse_name(entry->d_name, file)) {
            continue;
        }

        file.path = folder_path(conf) + entry->d_name;
        auto &family = families[file.family];

        if (file.kind == FileKind::lock) {
            family.lock = file.path;

        } else {
            family.files.push_back(std::move(file));
        }
    }

    return true;
}

std::string family_path(const PersistConf *conf, std::uint64_t family,
                        const char *suffix)
{
    return folder_path(conf) + hex(family, 16) + suffix;
}

std::string generation_path(const PersistConf *conf, std::uint64_t family,
                            std::uint32_t generation, const char *suffix)
{
    return folder_path(conf) + hex(family, 16) + "-" + hex(generation, 8) + suffix;
}

File create_file(const std::string &path, int flags)
{
    return File(open(path.c_str(), flags | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

bool write_all(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        ssize_t n = write(fd, bytes.data(), bytes.size());

        if (n == -1 && errno != EINTR) {
            return false;
        }

        bytes.remove_prefix(n == -1 ? 0 : static_cast<std::size_t>(n));
    }

    return true;
}

Header read_header(const std::string &path, JournalHeader &header)
{
    File file = open_regular(path);

    return file.ok() ? read_header(file.get(), header) : Header::foreign;
}

void remove_family(const StoredFamily &family)
{
    for (auto &file : family.files) {
        remove_file(file);
    }

    if (!family.lock.empty()) {
        unlink(family.lock.c_str());
    }
}

void remove_older(const StoredFamily &family, std::uint32_t generation)
{
    for (auto &file : family.files) {
        if (file.generation < generation) {
            remove_file(file);
        }
    }
}

bool read_file(const StoredFile &stored, JournalHeader &header, ngx_log_t *log,
               const RecordSink &sink)
{
    File file = open_regular(stored.path);
    auto found = file.ok() ? read_header(file.get(), header) : Header::foreign;

    // Its writer was killed before the first change.
    if (found == Header::empty) {
        return false;
    }

    if (found != Header::ours) {
        ngx_log_error(NGX_LOG_WARN, log, file.ok() ? 0 : ngx_errno,
                      found == Header::cut
                          ? "opendify: \"%s\" is damaged: its header is "
                            "missing, nothing was read"
                          : "opendify: \"%s\" is not a readable file of this "
                            "version of opendify: it is left alone",
                      stored.path.c_str());
        return false;
    }

    auto          buffer = std::make_unique<char[]>(kReadBytes);
    JournalReader reader;
    off_t         at = kJournalHeaderBytes;
    ssize_t       n;

    while ((n = pread(file.get(), buffer.get(), kReadBytes, at)) > 0) {
        reader.feed({buffer.get(), static_cast<std::size_t>(n)}, sink);
        at += n;
    }

    warn_if_damaged(stored, reader, n == 0, log);

    return true;
}

bool read_snapshot(const StoredFamily &family, JournalHeader &header,
                   ngx_log_t *log, const RecordSink &sink)
{
    std::vector<const StoredFile *> found;

    for (auto &file : family.files) {
        if (file.kind == FileKind::snapshot) {
            found.push_back(&file);
        }
    }

    std::sort(found.begin(), found.end(), [](auto *a, auto *b) {
        return a->generation > b->generation;
    });

    return std::any_of(found.begin(), found.end(), [&](auto *file) {
        return read_file(*file, header, log, sink);
    });
}

std::vector<JournalRecord> read_journals(const StoredFamily &family,
                                         JournalHeader &header,
                                         ngx_log_t *log)
{
    std::vector<JournalRecord> records;
    JournalHeader              journal;

    for (auto &file : family.files) {
        if (file.kind == FileKind::journal
            && file.generation >= header.generation
            && read_file(file, journal, log, [&](const JournalRecord &record) {
                   records.push_back(record);
               }))
        {
            header.not_before_s = std::max(header.not_before_s,
                                           journal.not_before_s);
        }
    }

    std::stable_sort(records.begin(), records.end(), [](auto &a, auto &b) {
        return a.order < b.order;
    });

    return records;
}

}  // namespace opendify::glue
