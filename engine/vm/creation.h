#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/engine.h"

namespace lodge {

// Creation is a guest that is coming to be: its configuration, and the steps that make its volumes.
// The configuration is written first, locked with `create`, and unlocked last, so that what a crash
// leaves behind is seen and can be cleaned.
class Creation {
  public:
    // `token` becomes the vmgenid: by it the undo knows the configuration that it may remove.
    Creation(Engine& engine, int id, std::string token);

    Config& config() { return config_; }
    const Config& config() const { return config_; }
    Plan& volumes() { return volumes_; }
    int id() const { return id_; }
    // Throws Error(Exit::usage) for a value that the schema does not allow.
    void set(const std::string& key, const std::string& value);

    // By name, "" for the default one; throws Error.
    const Storage& storage(std::string_view name);
    // Adds the steps of a new volume and the key that names it. `more`: further parts of the key.
    void new_disk(const std::string& key, const Storage& storage, int64_t bytes,
                  std::string_view format, std::string_view more, std::string_view hint = {});
    // A copy of an image that a person brings, grown to `at_least` bytes.
    void import_disk(const std::string& key, const Storage& storage, const ImageSource& source,
                     std::string_view format, std::string_view more, int64_t at_least);
    // efidisk0 with empty variables or, `secure`, Microsoft's keys enrolled.
    void add_firmware(const Storage& storage, bool secure, std::string_view more);
    void put_disk(const std::string& key, const std::string& volume, int64_t bytes,
                  std::string_view more);

    // The whole plan.
    Plan finish(const std::string& title);

  private:
    Engine& engine_;
    int id_;
    std::string token_;
    Config config_;
    Plan volumes_;
};

// What these take, whatever size is asked for.
constexpr int64_t tpm_bytes = 4 << 20, cloudinit_bytes = 4 << 20;
// The file that UEFI's variables begin with: empty, or, `secure`, with Microsoft's keys enrolled.
// Throws Error(Exit::missing).
std::string firmware_variables(const Host& host, bool secure);

// "64G" or a bare number of GiB, in bytes, whole sectors; nullopt when it is no size.
std::optional<int64_t> new_size(std::string_view text);
// The same; throws Error(Exit::usage).
int64_t disk_size(std::string_view text);

}  // namespace lodge
