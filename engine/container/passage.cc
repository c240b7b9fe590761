#include "engine/container/passage.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/engine.h"
#include "engine/error.h"
#include "engine/job.h"
#include "engine/units.h"

// An access control list is an extended attribute: a version, then entries of a tag, rights and a
// number, in the order of tag and number (include/uapi/linux/posix_acl_xattr.h, little-endian).

namespace lodge {
namespace {

using Entry = posix_acl_xattr_entry;
using Entries = std::vector<Entry>;

constexpr const char* kName = "system.posix_acl_access";
constexpr uint32_t kNobody = ACL_UNDEFINED_ID;

Entry entry_of(int tag, unsigned rights, uint32_t id = kNobody) {
    Entry entry{};
    entry.e_tag = htole16(static_cast<uint16_t>(tag));
    entry.e_perm = htole16(static_cast<uint16_t>(rights));
    entry.e_id = htole32(id);
    return entry;
}

// The folder's list; of one that has none, what its mode says.
Entries read_list(const std::string& folder, mode_t mode) {
    std::vector<char> bytes(65536);
    const ssize_t got = ::getxattr(folder.c_str(), kName, bytes.data(), bytes.size());
    Entries entries;
    if (got >= static_cast<ssize_t>(sizeof(posix_acl_xattr_header))) {
        const size_t size = static_cast<size_t>(got) - sizeof(posix_acl_xattr_header);
        entries.resize(size / sizeof(Entry));
        std::memcpy(entries.data(), bytes.data() + sizeof(posix_acl_xattr_header),
                    entries.size() * sizeof(Entry));
        return entries;
    }
    return {entry_of(ACL_USER_OBJ, mode >> 6 & 7), entry_of(ACL_GROUP_OBJ, mode >> 3 & 7),
            entry_of(ACL_OTHER, mode & 7)};
}

bool is_tag(const Entry& entry, int tag) {
    return le16toh(entry.e_tag) == tag;
}

// What an entry for that user gives; the mask holds back what it has not (acl(5)).
bool gives_way(const Entries& entries, uid_t user) {
    bool named = false;
    unsigned mask = ACL_EXECUTE;
    for (const Entry& entry : entries) {
        const unsigned rights = le16toh(entry.e_perm);
        if (is_tag(entry, ACL_USER) && le32toh(entry.e_id) == user)
            named = (rights & ACL_EXECUTE) != 0;
        if (is_tag(entry, ACL_MASK)) mask = rights;
    }
    return named && (mask & ACL_EXECUTE) != 0;
}

void give_way(Entries& entries, uid_t user) {
    unsigned group = 0;
    bool named = false, masked = false;
    for (Entry& entry : entries) {
        if (is_tag(entry, ACL_GROUP_OBJ)) group = le16toh(entry.e_perm);
        const bool ours = is_tag(entry, ACL_USER) && le32toh(entry.e_id) == user;
        if (!ours && !is_tag(entry, ACL_MASK)) continue;
        entry.e_perm = htole16(static_cast<uint16_t>(le16toh(entry.e_perm) | ACL_EXECUTE));
        named = named || ours;
        masked = masked || !ours;
    }
    if (!named) entries.push_back(entry_of(ACL_USER, ACL_EXECUTE, user));
    if (!masked) entries.push_back(entry_of(ACL_MASK, group | ACL_EXECUTE));
    std::sort(entries.begin(), entries.end(), [](const Entry& one, const Entry& other) {
        const auto tag = le16toh(one.e_tag), other_tag = le16toh(other.e_tag);
        return tag != other_tag ? tag < other_tag : le32toh(one.e_id) < le32toh(other.e_id);
    });
}

bool is_closed(const Host& host, const std::string& folder, uid_t user) {
    struct stat found {};
    if (::stat(folder.c_str(), &found) != 0 || found.st_uid != host.uid()) return false;
    return (found.st_mode & S_IXOTH) == 0 && !gives_way(read_list(folder, found.st_mode), user);
}

}  // namespace

std::vector<std::string> closed_folders(const Host& host, const std::string& path, uid_t user) {
    std::vector<std::string> closed;
    for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const std::string folder = path.substr(0, end);
        if (is_closed(host, folder, user)) closed.push_back(folder);
        if (end == std::string::npos) return closed;
    }
}

void plan_passage(const Host& host, const LxcFacts& facts, Plan& plan) {
    const auto user = facts.map.outside_uid(0);
    if (host.is_root() || !user) return;
    // liblxc itself looks whether the container's root gets to its folder (start.c, lxcpath).
    std::vector<std::string> ways{facts.run_folder};
    for (const auto& [volume, folder] : facts.volumes)
        ways.push_back(folder);
    std::vector<std::string> done;
    for (const std::string& way : ways)
        for (const std::string& folder : closed_folders(host, way, *user)) {
            if (std::find(done.begin(), done.end(), folder) != done.end()) continue;
            done.push_back(folder);
            plan.step(fmt::format("let the container's root (user {}) through {}", *user, folder),
                      {"ct-passage", {{"folder", folder}, {"user", static_cast<int64_t>(*user)}}});
        }
}

void run_ct_passage(Work& work, const Values& on) {
    const Host& host = work.engine().host;
    const std::string& folder = on.text("folder");
    const auto user = static_cast<uid_t>(on.integer("user"));
    struct stat found {};
    if (::stat(folder.c_str(), &found) != 0) fail_errno(errno, "cannot look at " + folder);
    if (!is_closed(host, folder, user)) return;
    Entries entries = read_list(folder, found.st_mode);
    give_way(entries, user);
    posix_acl_xattr_header head{};
    head.a_version = htole32(POSIX_ACL_XATTR_VERSION);
    std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
    bytes.append(reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(Entry));
    if (::setxattr(folder.c_str(), kName, bytes.data(), bytes.size(), 0) != 0)
        fail_errno(errno, fmt::format("cannot let user {}, the container's root, through {}; "
                                      "chmod o+x {} would",
                                      user, folder, folder));
}

}  // namespace lodge
