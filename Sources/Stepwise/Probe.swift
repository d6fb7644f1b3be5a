let probe = PackageResources.advance_lua.count + PackageResources.load_lua.count
