#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "engine/config.h"
#include "engine/host.h"

namespace lodge {

// Store keeps the guests' configuration files: <config>/<folder>/<id>.conf.
class Store {
  public:
    explicit Store(const Host& host) : host_(host) {}

    std::string path(std::string_view folder, int id) const;
    // Ids (100…999999999) of the files <id>.conf in a folder, ascending.
    std::vector<int> ids(std::string_view folder) const;
    // Throws Error(Exit::not_found) when there is no such file.
    Config load(std::string_view folder, int id, const Schema& schema) const;
    // Writes a file that must not exist yet, with 0640. Throws Error(Exit::busy) when the id is
    // taken by either guest kind.
    void create(std::string_view folder, int id, const Config& config) const;
    // Locks, reads, lets `edit` change it, writes when something changed, unlocks. Everyone who
    // changes a file goes this way. `expected_digest` not empty: an Error(Exit::busy) when the file
    // was changed meanwhile.
    Config change(std::string_view folder, int id, const Schema& schema,
                  const std::function<void(Config&)>& edit,
                  const std::string& expected_digest = {}) const;
    void remove(std::string_view folder, int id) const;
    // The lowest id from 100 that no guest of any kind has.
    int free_id() const;

  private:
    const Host& host_;
};

// The schemas of the two guest kinds.
const Schema& vm_schema();         // engine/vm/schema.cc
const Schema& container_schema();  // engine/container/schema.cc

}  // namespace lodge
