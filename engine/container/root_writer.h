#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "engine/container/beneath.h"
#include "engine/container/idmap.h"
#include "engine/container/member.h"
#include "engine/fd.h"

namespace lodge {

// Ownership is whom the files of a root filesystem belong to on this machine.
struct Ownership {
    IdMap map;  // empty: ids as they are
    // False: all belongs to who we are, for someone who may give nothing away.
    bool give = true;
    // We are root in the namespace of the map: it maps to itself here, and the kernel writes file
    // capabilities so that they count there.
    bool inside = false;
};

// RootWriter is what makes the members of a root filesystem in a folder. Whatever the members say,
// nothing outside the folder is written, and no device node is ever made.
class RootWriter {
  public:
    // `what` begins the words of every Error: "unpack /x/debian.tar.zst".
    RootWriter(Fd folder, Ownership ownership, Links links, std::string what);

    // Makes a file; its content is written to the descriptor, then finish_file(). Empty when the
    // member was left out. Throws Error(Exit::refused) that names the member.
    Fd make_file(const Member& member);
    void finish_file(const Fd& file, const Member& member);
    // Makes any other member.
    void make(const Member& member);
    // Modes and times of folders, which making things in them would change. May be called again
    // after more members.
    void finish();

    // For layers of an image: takes away a name (".wh.NAME"), or all in a folder that was not made
    // since start_layer() (".wh..wh..opq").
    void start_layer();
    void white_out(std::string_view path);
    void make_opaque(std::string_view folder);

    const Fd& root() const { return root_; }
    // What was left out, in words, each once.
    std::vector<std::string> notes() const;

  private:
    struct Place {  // where a member goes: a folder that is there, and a name in it
        int folder = -1;
        std::string name;
    };
    struct Folder {  // to be finished
        std::string path;
        mode_t mode;
        timespec modified;
    };
    [[noreturn]] void refuse(std::string_view path, std::string_view why) const;
    [[noreturn]] void fail_member(int trouble, std::string_view path) const;
    Place place(std::string_view path);
    int open_parent(std::string_view path, const std::string& parent);
    void make_parents(std::string_view path, const std::string& parent);
    void make_way(const Place& at, std::string_view path, bool for_folder);
    void forget_parent();
    void make_folder(const Member& member);
    void make_link(const Member& member);
    void make_hard_link(const Member& member);
    void make_fifo(const Member& member);
    void own(const Place& at, const Member& member);
    void set_attributes(const Fd& file, const Member& member);
    bool translate(const std::string& name, std::string& value) const;
    void pass_device(const Member& member);
    void check_ids(const Member& member) const;
    void remember(std::string_view path);

    Fd root_;
    Ownership ownership_;
    Links links_;
    std::string what_;
    std::string parent_path_;
    Fd parent_;
    std::vector<std::string_view> parts_;
    std::vector<Folder> folders_;
    bool root_seen_ = false;
    // Of this layer; kept only when links_ is Links::inside.
    std::unordered_set<std::string> made_;
    std::map<std::string, int64_t, std::less<>> left_out_;
};

}  // namespace lodge
