// Who has the folder, and which families live.

#include "ngx_http_opendify_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace opendify::glue {

namespace {

constexpr int kMaxInherited = 65536;

// Descriptors with a lock on a folder that configurations of this process
// have: another one came from the binary before.
std::vector<int> held;

bool is_held(int fd)
{
    return std::find(held.begin(), held.end(), fd) != held.end();
}

int hold(int fd)
{
    if (fd != -1) {
        held.push_back(fd);
    }

    return fd;
}

// The lock on that folder has come to this process with another descriptor.
bool is_inherited(int fd, const struct stat &folder)
{
    struct stat found;

    return fstat(fd, &found) == 0 && found.st_dev == folder.st_dev
           && found.st_ino == folder.st_ino
           && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

// After a binary upgrade, or a reload that makes the zone anew. One that
// nobody here has is ours from now on.
int find_inherited(int fd)
{
    struct stat folder;
    int         shared = -1;
    int         end = static_cast<int>(
        std::min<long>(sysconf(_SC_OPEN_MAX), kMaxInherited));

    if (fstat(fd, &folder) == -1) {
        return -1;
    }

    for (int i = 3; i < end; i++) {
        if (i == fd || !is_inherited(i, folder)) {
            continue;
        }

        if (!is_held(i)) {
            return i;
        }

        shared = i;
    }

    return shared == -1 ? -1 : dup(shared);
}

}  // namespace

int lock_folder(const PersistConf *conf)
{
    held.reserve(held.size() + 1);

    // Not closed on exec: a new binary inherits the lock.
    File file(open(folder_path(conf).c_str(), O_RDONLY | O_DIRECTORY));

    if (!file.ok() || flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
        return hold(file.release());
    }

    if (errno != EWOULDBLOCK) {
        return -1;
    }

    int inherited = find_inherited(file.get());
    file.close();
    ngx_set_errno(EWOULDBLOCK);

    return hold(inherited);
}

int share_folder(int fd)
{
    held.reserve(held.size() + 1);

    return hold(dup(fd));
}

void release_folder(int fd)
{
    held.erase(std::remove(held.begin(), held.end(), fd), held.end());
    close(fd);
}

bool is_dead(const StoredFamily &family)
{
    if (family.lock.empty()) {
        return true;
    }

    File file = open_regular(family.lock);

    return file.ok() ? flock(file.get(), LOCK_EX | LOCK_NB) == 0
                     : errno == ENOENT;
}

}  // namespace opendify::glue
