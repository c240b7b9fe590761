#include "engine/storage/device_storage.h"

namespace lodge {

const DeviceStorage* device_storage(const Storage& storage) {
    return dynamic_cast<const DeviceStorage*>(&storage);
}

const DeviceStorage* device_storage(Storages& storages, std::string_view volume) {
    const auto id = VolumeId::parse(volume);
    if (volume.starts_with('/') || !id) return nullptr;
    return device_storage(storages.get(id->storage));
}

void plan_activation(Storages& storages, const VolumeInfo& volume, Plan& plan) {
    if (const DeviceStorage* storage = device_storage(storages, volume.id))
        storage->plan_activation(plan, volume);
}

}  // namespace lodge
