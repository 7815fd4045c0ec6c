"""RGB-D pictures with true depth: folders, bags, NYU Depth v2."""
